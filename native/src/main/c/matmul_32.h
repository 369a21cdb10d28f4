/* Tiles of Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0, whose blocks of 32 have one scale: see matmul_tile.h.
 */
#ifndef BATON_MATMUL_32_H
#define BATON_MATMUL_32_H

#include "matmul_tile.h"

BT_INLINE const struct bt_q8_32 *q8_32_of(const struct tile *tile, int t, int64_t block) {
  return (const struct bt_q8_32 *)(tile->x + t * tile->x_row_bytes) + block;
}

/* The integer that the dot of a block starts from. */
BT_INLINE vi start_of_32(const int type, const struct bt_q8_32 *x) {
  switch (type) {
  case BT_Q4_0:
    return vi_shl(vi_set1(x->minus_sum), 3);
  case BT_Q5_0:
    return vi_shl(vi_set1(x->minus_sum), 4);
  case BT_Q8_0:
    return Q8_IS_SIGNED ? vi_set1(0) : vi_shl(vi_set1(x->minus_sum), 7);
  default:
    return vi_set1(0);
  }
}

/* Lines of a record before its bytes. */
BT_INLINE int head_lines_of_32(const int type) {
  const int has_min = type == BT_Q4_1 || type == BT_Q5_1;
  const int has_high = type == BT_Q5_0 || type == BT_Q5_1;
  return 1 + has_min + 2 * has_high;
}

BT_INLINE int record_bytes_of_32(const int type) {
  return head_lines_of_32(type) * LINE + (type == BT_Q8_0 ? 8 : 4) * GROUP_BYTES;
}

/* The weights of both nibbles of a group of 4 bytes, with their fifth bits where there are. */
BT_INLINE void load_nibbles(const int has_high, const int group, const uint8_t *bytes,
                            const vw high, vw *low_w, vw *high_w) {
  const vw raw = vw_load(bytes);
  *low_w = vw_and(raw, 0x0f0f0f0f);
  *high_w = vw_and(vw_shr(raw, 4), 0x0f0f0f0f);
  if (has_high) {
    *low_w = vw_or(*low_w, vw_and(vw_shl(high, 4 - group), 0x10101010));
    *high_w = vw_or(*high_w, vw_and(vw_shr(high, group), 0x10101010));
  }
}

/* One group of 4 bytes, both nibbles, of `groups` vectors of rows against all tokens. */
BT_INLINE void nibble_step(const int tokens, const int group, const int has_high,
                           const uint8_t *bytes, const vw *high, const struct tile *tile,
                           int64_t block, dot_parts part) {
  const int groups = GROUPS_OF(tokens);
  vw low_w[MAX_GROUPS], high_w[MAX_GROUPS];
  UNROLL
  for (int g = 0; g < groups; g++) {
    load_nibbles(has_high, group, bytes + group * GROUP_BYTES + g * LANES * 4, high[g], &low_w[g],
                 &high_w[g]);
  }
  UNROLL
  for (int t = 0; t < tokens; t++) {
    const int8_t *q = q8_32_of(tile, t, block)->q + group * 4;
    const vw low_x = vw_bytes(q), high_x = vw_bytes(q + 16);
    UNROLL
    for (int g = 0; g < groups; g++) {
      part[g][t] = part_dot(part_dot(part[g][t], low_w[g], low_x), high_w[g], high_x);
    }
  }
}

BT_INLINE void q8_step(const int tokens, const int group, const uint8_t *bytes,
                       const struct tile *tile, int64_t block, dot_parts part) {
  const int groups = GROUPS_OF(tokens);
  vw w[MAX_GROUPS];
  UNROLL
  for (int g = 0; g < groups; g++)
    w[g] = vw_load(bytes + group * GROUP_BYTES + g * LANES * 4);
  UNROLL
  for (int t = 0; t < tokens; t++) {
    const vw x = vw_bytes(q8_32_of(tile, t, block)->q + group * 4);
    UNROLL
    for (int g = 0; g < groups; g++)
      part[g][t] = part_dot_q8(part[g][t], w[g], x);
  }
}

/* Adds a block's dots, times its scales, to the chains; `head` is the record's scales, from the
 * tile's first row on. */
BT_INLINE void end_block(const int type, const int tokens, const uint8_t *head,
                         const struct tile *tile, int64_t block, dot_sums sum, row_sums acc) {
  const int has_min = type == BT_Q4_1 || type == BT_Q5_1;
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int g = 0; g < groups; g++, head += LANES * 2) {
    const vf d = vf_load_f16(head);
    UNROLL
    for (int t = 0; t < tokens; t++) {
      const struct bt_q8_32 *x = q8_32_of(tile, t, block);
      acc[g][t] = vf_fma(vf_from(sum[g][t]), vf_mul(d, vf_set1(x->d)), acc[g][t]);
      if (has_min)
        acc[g][t] = vf_fma(vf_load_f16(head + LINE), vf_set1(x->d_sum), acc[g][t]);
    }
  }
}

BT_INLINE void tile_32(const int type, const int tokens, const struct tile *tile) {
  const int groups = GROUPS_OF(tokens);
  const int has_high = type == BT_Q5_0 || type == BT_Q5_1;
  const int is_q8 = type == BT_Q8_0;
  const int byte_groups = is_q8 ? 8 : 4;
  const int part_groups = is_q8 ? part_steps(8) : part_steps(weight_bits(type)) / 2;
  const int head_lines = head_lines_of_32(type);
  const int record_bytes = record_bytes_of_32(type);

  for (int row = 0; row < BT_PANEL; row += groups * LANES) {
    const uint8_t *record = tile->panel;
    row_sums acc;
    zero_sums(tokens, acc);
    for (int64_t block = 0; block < tile->blocks; block++, record += record_bytes) {
      const uint8_t *bytes = record + head_lines * LINE + row * 4;
      vw high[MAX_GROUPS];
      fetch_ahead(tokens, record, head_lines);
      if (has_high) {
        UNROLL
        for (int g = 0; g < groups; g++)
          high[g] = vw_load(bytes - GROUP_BYTES + g * LANES * 4);
      }
      dot_sums sum;
      UNROLL
      for (int t = 0; t < tokens; t++) {
        UNROLL
        for (int g = 0; g < groups; g++)
          sum[g][t] = start_of_32(type, q8_32_of(tile, t, block));
      }
      UNROLL
      for (int first = 0; first < byte_groups; first += part_groups) {
        dot_parts part;
        start_parts(tokens, sum, part);
        UNROLL
        for (int group = first; group < first + part_groups; group++) {
          fetch_ahead(tokens, record + head_lines * LINE + group * GROUP_BYTES, GROUP_BYTES / LINE);
          if (is_q8) {
            q8_step(tokens, group, bytes, tile, block, part);
          } else {
            nibble_step(tokens, group, has_high, bytes, high, tile, block, part);
          }
        }
        end_parts(tokens, part, sum);
      }
      end_block(type, tokens, record + row * 2, tile, block, sum, acc);
    }
    store_sums(tokens, tile, row, acc);
  }
}

#endif
