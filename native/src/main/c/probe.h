/*
 * What a core can do at most, to compare kernels with: integer dots and multiply-adds that stay in
 * registers, and reading memory. Parts are equal shares.
 */
#ifndef BATON_PROBE_H
#define BATON_PROBE_H

#include "kernels.h"
#include "matmul_tile.h"
#include "vec.h"

/* Chains that run beside each other: more than a multiply-add takes cycles, and few enough for
 * registers. */
#define PROBE_CHAINS 10

/* Lines of memory that the chains take their operands from; they stay in the first cache. */
#define PROBE_BYTES 4096

/* Where results go, so that they are wanted. */
BT_INLINE void probe_keep(const struct bt_probe_args *args, int part, const void *sum) {
  uint32_t low;
  memcpy(&low, sum, sizeof low);
  args->sums[part % BT_PROBE_SUMS] = low;
}

static void probe_dots(const void *arg, int part, int parts) {
  const struct bt_probe_args *args = arg;
  vpart acc[PROBE_CHAINS];
  vw x[PROBE_CHAINS]; /* unlike each other, or a product could serve them all */
  (void)parts;
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++) {
    acc[i] = part_start(vi_set1(i));
    x[i] = vw_bytes(args->memory + 4 * i);
  }
  for (int64_t n = 0; n < args->rounds; n++) {
    const vw w = vw_load(args->memory + n * LINE % PROBE_BYTES);
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++)
      acc[i] = part_dot(acc[i], w, x[i]);
  }
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    probe_keep(args, part, &acc[i]);
}

static void probe_fmas(const void *arg, int part, int parts) {
  const struct bt_probe_args *args = arg;
  vf acc[PROBE_CHAINS];
  (void)parts;
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    acc[i] = vf_set1((float)i);
  for (int64_t n = 0; n < args->rounds; n++) {
    const uint8_t *p = args->memory + n * LINE % PROBE_BYTES;
    const vf a = vf_load(p), b = vf_set1(1.0f);
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++)
      acc[i] = vf_fma(a, b, acc[i]);
  }
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    probe_keep(args, part, &acc[i]);
}

static void probe_reads(const void *arg, int part, int parts) {
  enum { LINES = 16, VECTORS = LINES * LINE / (LANES * 4) };
  const struct bt_probe_args *args = arg;
  int64_t begin, end;
  bt_share(args->bytes / (LINES * LINE), part, parts, &begin, &end);
  for (int64_t round = 0; round < args->rounds; round++) {
    const vw first = vw_bytes(args->memory);
    vw sum[4] = {first, first, first, first};
    for (int64_t run = begin; run < end; run++) {
      const uint8_t *p = args->memory + run * LINES * LINE;
      UNROLL
      for (int i = 0; i < VECTORS; i++) {
        if (i % (VECTORS / LINES) == 0)
          __builtin_prefetch(p + NEAR_BYTES + i * LANES * 4, 0, 2);
        sum[i % 4] = vw_or(sum[i % 4], vw_load(p + i * LANES * 4));
      }
    }
    UNROLL
    for (int i = 0; i < 4; i++)
      probe_keep(args, part, &sum[i]);
  }
}

/* Done by one round of one part: operations, or bytes read by all parts. */
static int64_t probe_work(int kind, int64_t bytes) {
  switch (kind) {
  case BT_PROBE_DOTS:
    return (int64_t)PROBE_CHAINS * LANES * 4 * 2;
  case BT_PROBE_FMAS:
    return (int64_t)PROBE_CHAINS * LANES * 2;
  default:
    return bytes;
  }
}

#endif
