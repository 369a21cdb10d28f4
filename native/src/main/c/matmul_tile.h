/*
 * Matrix products over packed panels (pack.c), by the contract in native/README.md.
 *
 * A tile is one panel of 32 rows by up to TILE_TOKENS tokens, over all of K. Rows are lanes: an
 * accumulator holds LANES rows of one token, and each step takes 4 weight bytes of every row and 4
 * activations of the token. A tile walks its panel once for every GROUPS_OF(tokens) * LANES rows.
 * Many tokens share an unpacked chunk of the panel instead (matmul_wide.h).
 *
 *   record of 32 columns      d [m] [high bits] bytes          in 64-byte lines: 1 [1] [2] and 8,
 * Q8_0: 1 and 16 record of 256, Q4_K Q5_K  d dmin scales [high bits] bytes                    1 1 6
 * [16] 64 record of 256, Q6_K       d scales, twice: high bits bytes                   1 8, twice:
 * 16 32
 *
 * Integer dots run in "parts": where an ISA adds up products in 16 bits (AVX2), a part is as many
 * steps as fit before it must be widened; elsewhere a part is the int32 sum itself.
 */
#ifndef BATON_MATMUL_TILE_H
#define BATON_MATMUL_TILE_H

#include "kernels.h"
#include "vec.h"

/*
 * Memory is asked for ahead of its use; without this, decoding runs at half the speed. For few
 * tokens twice: into the second cache, which hides the memory's latency, then into the first.
 * Asking for the first at once stalls an Intel core as soon as its few line buffers are taken.
 */
#define NEAR_BYTES 2048
#define FAR_BYTES 6144
#define LINE 64

/* Bytes between the groups of 4 bytes of a field. */
#define GROUP_BYTES (BT_PANEL * 4)

#define MAX_GROUPS GROUPS_OF(1)

/* Tiles live in registers only where every loop over them is unrolled; plain C has no use for that.
 */
#if LANES == 1
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Nothing is moved across this. It keeps prefetches where they are, and gcc's time from growing as
 * the square. */
#define PIECE_END __asm__ volatile("")

struct tile {
  const uint8_t *panel;
  int64_t blocks;
  const uint8_t *x; /* row of the first token */
  int64_t x_row_bytes;
  float *out; /* (tokens, 32) */
};

BT_INLINE void fetch_far(const uint8_t *p, const int lines) {
  UNROLL
  for (int i = 0; i < lines; i++)
    __builtin_prefetch(p + FAR_BYTES + i * LINE, 0, 2);
}

BT_INLINE void fetch_twice(const uint8_t *p, const int lines) {
  fetch_far(p, lines);
  UNROLL
  for (int i = 0; i < lines; i++)
    __builtin_prefetch(p + NEAR_BYTES + i * LINE, 0, 3);
}

BT_INLINE void fetch_ahead(const int tokens, const uint8_t *p, const int lines) {
  if (tokens <= 2) {
    fetch_twice(p, lines);
  } else {
    fetch_far(p, lines);
  }
}

/* Bits of an unsigned weight. */
BT_INLINE int weight_bits(const int type) {
  switch (type) {
  case BT_Q4_0:
  case BT_Q4_1:
  case BT_Q4_K:
    return 4;
  case BT_Q5_0:
  case BT_Q5_1:
  case BT_Q5_K:
    return 5;
  case BT_Q6_K:
    return 6;
  default:
    return 8;
  }
}

/* Steps of part_dot that fit a part, for weights of so many bits. */
BT_INLINE int part_steps(const int bits) {
  return bits == 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;
}

typedef vf row_sums[MAX_GROUPS][TILE_TOKENS];
typedef vi dot_sums[MAX_GROUPS][TILE_TOKENS];
typedef vpart dot_parts[MAX_GROUPS][TILE_TOKENS];

BT_INLINE void zero_sums(const int tokens, row_sums acc) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    UNROLL
    for (int g = 0; g < groups; g++)
      acc[g][t] = vf_zero();
  }
}

BT_INLINE void store_sums(const int tokens, const struct tile *tile, int row, row_sums acc) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    UNROLL
    for (int g = 0; g < groups; g++)
      vf_store(tile->out + t * BT_PANEL + row + g * LANES, acc[g][t]);
  }
}

BT_INLINE void start_parts(const int tokens, dot_sums sum, dot_parts part) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    UNROLL
    for (int g = 0; g < groups; g++)
      part[g][t] = part_start(sum[g][t]);
  }
}

BT_INLINE void end_parts(const int tokens, dot_parts part, dot_sums sum) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    UNROLL
    for (int g = 0; g < groups; g++)
      sum[g][t] = part_end(part[g][t], sum[g][t]);
  }
}

#endif
