/*
 * What a core can do at most, to compare kernels with: integer dots and multiply-adds that stay in
 * registers, and reading memory.
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

/* How far ahead reads ask where they do it their own way: the best on Zen 4. */
#define PROBE_AHEAD_BYTES 6144

/* Where results go, so that they are wanted. */
BT_INLINE void probe_keep(const struct bt_probe_args *args, int64_t unit, const void *sum) {
  uint32_t low;
  memcpy(&low, sum, sizeof low);
  args->sums[unit % BT_PROBE_SUMS] = low;
}

static void probe_dots(const void *arg, int64_t begin, int64_t end) {
  const struct bt_probe_args *args = arg;
  vpart acc[PROBE_CHAINS];
  vw x[PROBE_CHAINS]; /* unlike each other, or a product could serve them all */
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++) {
    acc[i] = part_start(vi_set1(i));
    x[i] = vw_bytes(args->memory + 4 * i);
  }
  for (int64_t n = 0; n < args->rounds * (end - begin); n++) {
    const vw w = vw_load(args->memory + n * LINE % PROBE_BYTES);
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++)
      acc[i] = part_dot(acc[i], w, x[i]);
  }
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    probe_keep(args, begin, &acc[i]);
}

static void probe_fmas(const void *arg, int64_t begin, int64_t end) {
  const struct bt_probe_args *args = arg;
  vf acc[PROBE_CHAINS];
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    acc[i] = vf_set1((float)i);
  for (int64_t n = 0; n < args->rounds * (end - begin); n++) {
    const uint8_t *p = args->memory + n * LINE % PROBE_BYTES;
    const vf a = vf_load(p), b = vf_set1(1.0f);
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++)
      acc[i] = vf_fma(a, b, acc[i]);
  }
  UNROLL
  for (int i = 0; i < PROBE_CHAINS; i++)
    probe_keep(args, begin, &acc[i]);
}

BT_INLINE void read_runs(const int kind, const struct bt_probe_args *args, int64_t begin,
                         int64_t end) {
  enum { LINES = BT_PROBE_RUN / LINE, VECTORS = BT_PROBE_RUN / (LANES * 4) };
  for (int64_t round = 0; round < args->rounds; round++) {
    const vw first = vw_bytes(args->memory);
    vw sum[4] = {first, first, first, first};
    for (int64_t run = begin; run < end; run++) {
      const uint8_t *p = args->memory + run * BT_PROBE_RUN;
      UNROLL
      for (int i = 0; i < VECTORS; i++) {
        const uint8_t *at = p + i * LANES * 4;
        if (i % (VECTORS / LINES) == 0) {
          if (kind == BT_PROBE_READS_AHEAD)
            __builtin_prefetch(at + PROBE_AHEAD_BYTES, 0, 2);
          if (kind == BT_PROBE_READS_TWICE)
            fetch_twice(at, 1);
        }
        sum[i % 4] = vw_or(sum[i % 4], vw_load(at));
      }
    }
    UNROLL
    for (int i = 0; i < 4; i++)
      probe_keep(args, begin, &sum[i]);
  }
}

#define DEFINE_READS(name, kind)                                                                   \
  static void name(const void *args, int64_t begin, int64_t end) {                                 \
    read_runs(kind, args, begin, end);                                                             \
  }
DEFINE_READS(probe_reads, BT_PROBE_READS)
DEFINE_READS(probe_reads_ahead, BT_PROBE_READS_AHEAD)
DEFINE_READS(probe_reads_twice, BT_PROBE_READS_TWICE)

#define PROBE_TASKS                                                                                \
  { probe_dots, probe_fmas, probe_reads, probe_reads_ahead, probe_reads_twice }

/* Done by one round: operations of one thread, or bytes that all read. */
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
