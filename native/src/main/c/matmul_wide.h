/*
 * Products of quantised matrices with many tokens: see matmul_tile.h for the packed panels.
 *
 * A panel is taken in chunks of WIDE_COLS columns. A chunk is unpacked once, to a byte for each
 * weight and float scales, and stays in the first cache for all tiles of a run of tokens; their
 * sums wait in memory from chunk to chunk. A tile is then nothing but dots and the chains over
 * them. For few tokens unpacking would cost more than it saves.
 *
 *   unpacked 32 columns    d m, 32 floats each                  8 groups of 4 bytes of 32 rows
 *   unpacked 256 columns   16 or 8 x 32 scales, mins, dmin     64 groups of 4 bytes of 32 rows
 */
#ifndef BATON_MATMUL_WIDE_H
#define BATON_MATMUL_WIDE_H

#include "matmul_256.h"
#include "matmul_32.h"
#include "matmul_tile.h"

/* Columns of a chunk: its bytes are half of the first cache. */
#define WIDE_COLS 512

/* Most tokens of a run, and the fewest for which unpacking pays. */
#define WIDE_TOKENS 240
#define WIDE_TOKENS_MIN 32
static_assert(WIDE_TOKENS_MIN >= (TILE_TOKENS - 1) * (TILE_TOKENS - 1),
              "tiles of about the same size lack one token at most");

/* AVX-512 unpacks these two in what its dots leave idle, and is 2 to 4 % slower the wide way. */
BT_INLINE int wide_pays(const int type) {
  return LANES != 16 || (type != BT_Q4_0 && type != BT_Q8_0);
}

struct wide_32 {
  float d[BT_PANEL];
  float m[BT_PANEL];
  uint8_t bytes[8][GROUP_BYTES];
};

struct wide_256 {
  sub_scales scales;
  uint8_t mins[4][GROUP_BYTES]; /* pairs of int16 */
  float dmin[BT_PANEL];
  uint8_t bytes[64][GROUP_BYTES];
};

union wide_chunk {
  struct wide_32 of_32[WIDE_COLS / 32];
  struct wide_256 of_256[WIDE_COLS / 256];
};

/* --- unpacking --- */

/* Asks for a part of the next chunk, which is wanted when all tiles of this one are done. */
BT_INLINE void fetch_chunk(const uint8_t *p, const int bytes) {
  for (int i = 0; i < bytes; i += LINE)
    __builtin_prefetch(p + i, 0, 2);
}

BT_INLINE void unpack_32(const int type, const uint8_t *record, struct wide_32 *wide) {
  const int has_min = type == BT_Q4_1 || type == BT_Q5_1;
  const int has_high = type == BT_Q5_0 || type == BT_Q5_1;
  const uint8_t *bytes = record + head_lines_of_32(type) * LINE;
  if (type == BT_Q8_0)
    memcpy(wide->bytes, bytes, sizeof wide->bytes);
  for (int row = 0; row < BT_PANEL; row += LANES) {
    vf_store(wide->d + row, vf_load_f16(record + row * 2));
    if (has_min)
      vf_store(wide->m + row, vf_load_f16(record + LINE + row * 2));
    if (type == BT_Q8_0)
      continue;
    const uint8_t *at = bytes + row * 4;
    const vw high = has_high ? vw_load(at - GROUP_BYTES) : vw_bytes(at);
    UNROLL
    for (int group = 0; group < 4; group++) {
      vw low_w, high_w;
      load_nibbles(has_high, group, at + group * GROUP_BYTES, high, &low_w, &high_w);
      vw_store(wide->bytes[group] + row * 4, low_w);
      vw_store(wide->bytes[group + 4] + row * 4, high_w);
    }
  }
}

BT_INLINE void unpack_256(const int type, const uint8_t *record, struct wide_256 *wide) {
  const int byte_groups = type == BT_Q6_K ? 4 : 8;
  for (int row = 0; row < BT_PANEL; row += LANES) {
    load_scales(type, 0, record, row, wide->scales);
    if (type != BT_Q6_K) {
      vw mins[4];
      unpack_mins(record + 2 * LINE + row * 4, mins);
      UNROLL
      for (int i = 0; i < 4; i++)
        vw_store(wide->mins[i] + row * 4, mins[i]);
      vf_store(wide->dmin + row, vf_load_f16(record + LINE + row * 2));
    }
    UNROLL
    for (int j = 0; j < subs_of(type); j++) {
      const struct sub_place place = sub_place_of(type, record, j);
      UNROLL
      for (int group = 0; group < byte_groups; group++) {
        const int at = group * GROUP_BYTES + row * 4;
        vw_store(wide->bytes[j * byte_groups + group] + row * 4,
                 load_k(type, place.phase, place.low + at, place.high + at));
      }
      PIECE_END;
    }
  }
}

/* --- tiles; their sums go on from those in tile->out --- */

BT_INLINE void load_sums(const int tokens, const struct tile *tile, int row, row_sums acc) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    UNROLL
    for (int g = 0; g < groups; g++)
      acc[g][t] = vf_load(tile->out + t * BT_PANEL + row + g * LANES);
  }
}

/* Dots of `steps` groups of unpacked bytes; x stands x_stride bytes apart from token to token. */
BT_INLINE void wide_dots(const int type, const int tokens, const int steps, const uint8_t *bytes,
                         const int8_t *x, int64_t x_stride, dot_sums sum) {
  const int groups = GROUPS_OF(tokens);
  const int part_groups = part_steps(weight_bits(type));
  UNROLL
  for (int first = 0; first < steps; first += part_groups) {
    dot_parts part;
    start_parts(tokens, sum, part);
    UNROLL
    for (int group = first; group < first + part_groups; group++) {
      vw w[MAX_GROUPS];
      UNROLL
      for (int g = 0; g < groups; g++)
        w[g] = vw_load(bytes + group * GROUP_BYTES + g * LANES * 4);
      UNROLL
      for (int t = 0; t < tokens; t++) {
        const vw q = vw_bytes(x + t * x_stride + group * 4);
        UNROLL
        for (int g = 0; g < groups; g++) {
          part[g][t] =
              type == BT_Q8_0 ? part_dot_q8(part[g][t], w[g], q) : part_dot(part[g][t], w[g], q);
        }
      }
      PIECE_END;
    }
    end_parts(tokens, part, sum);
  }
}

BT_INLINE void tile_wide_32(const int type, const int tokens, const struct tile *tile) {
  const int has_min = type == BT_Q4_1 || type == BT_Q5_1;
  const int groups = GROUPS_OF(tokens);
  for (int row = 0; row < BT_PANEL; row += groups * LANES) {
    const struct wide_32 *wide = (const struct wide_32 *)tile->panel;
    row_sums acc;
    load_sums(tokens, tile, row, acc);
    for (int64_t block = 0; block < tile->blocks; block++, wide++) {
      dot_sums sum;
      UNROLL
      for (int t = 0; t < tokens; t++) {
        const struct bt_q8_32 *x = q8_32_of(tile, t, block);
        __builtin_prefetch(q8_32_of(tile, t + tokens, block));
        UNROLL
        for (int g = 0; g < groups; g++)
          sum[g][t] = start_of_32(type, x);
      }
      wide_dots(type, tokens, 8, wide->bytes[0] + row * 4, q8_32_of(tile, 0, block)->q,
                tile->x_row_bytes, sum);
      UNROLL
      for (int g = 0; g < groups; g++) {
        const int at = row + g * LANES;
        const vf d = vf_load(wide->d + at);
        UNROLL
        for (int t = 0; t < tokens; t++) {
          const struct bt_q8_32 *x = q8_32_of(tile, t, block);
          acc[g][t] = vf_fma(vf_from(sum[g][t]), vf_mul(d, vf_set1(x->d)), acc[g][t]);
          if (has_min)
            acc[g][t] = vf_fma(vf_load(wide->m + at), vf_set1(x->d_sum), acc[g][t]);
        }
      }
    }
    store_sums(tokens, tile, row, acc);
  }
}

BT_INLINE void tile_wide_256(const int type, const int tokens, const struct tile *tile) {
  const int groups = GROUPS_OF(tokens);
  const int byte_groups = type == BT_Q6_K ? 4 : 8;
  for (int row = 0; row < BT_PANEL; row += groups * LANES) {
    const struct wide_256 *wide = (const struct wide_256 *)tile->panel;
    for (int64_t block = 0; block < tile->blocks; block++, wide++) {
      row_sums s;
      zero_sums(tokens, s);
      for (int j = 0; j < subs_of(type); j++) {
        dot_sums sum;
        UNROLL
        for (int t = 0; t < tokens; t++) {
          const struct bt_q8_256 *x = q8_256_of(tile, t, block);
          __builtin_prefetch((const uint8_t *)q8_256_of(tile, t + tokens, block) + j * 32);
          UNROLL
          for (int g = 0; g < groups; g++)
            sum[g][t] = vi_set1(type == BT_Q6_K ? x->minus_32_sum[j] : 0);
        }
        wide_dots(type, tokens, byte_groups, wide->bytes[j * byte_groups] + row * 4,
                  q8_256_of(tile, 0, block)->q + j * byte_groups * 4, tile->x_row_bytes, sum);
        add_scaled(tokens, wide->scales[j] + row, sum, s);
      }
      UNROLL
      for (int g = 0; g < groups; g++) {
        const int at = row + g * LANES;
        vw mins[4];
        UNROLL
        for (int i = 0; i < 4; i++)
          mins[i] = vw_load(wide->mins[i] + at * 4);
        end_superblock(type, tokens, at, vf_load(wide->dmin + at), mins, tile, block, s[g]);
      }
    }
  }
}

#endif
