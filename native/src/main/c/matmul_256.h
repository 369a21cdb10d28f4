/*
 * Tiles of Q4_K, Q5_K and Q6_K, whose blocks of 256 have one scale, and integer scales of
 * sub-blocks: see matmul_tile.h.
 */
#ifndef BATON_MATMUL_256_H
#define BATON_MATMUL_256_H

#include "matmul_tile.h"

BT_INLINE const struct bt_q8_256 *q8_256_of(const struct tile *tile, int t, int64_t block) {
  return (const struct bt_q8_256 *)(tile->x + t * tile->x_row_bytes) + block;
}

/* Scales of one superblock and one panel, as floats: d * sc_j, which is exact. */
typedef float sub_scales[16][BT_PANEL];

/* The 6-bit scales of Q4_K and Q5_K: 8 in words 0 and 2 of a row's 3. */
BT_INLINE void unpack_scales(const int fetch_tokens, const uint8_t *record, const vf d,
                             const uint8_t *words, float *scales) {
  const vw a = vw_load(words), c = vw_load(words + 2 * GROUP_BYTES);
  const vw scale[2] = {vw_and(a, 0x3f3f3f3f),
                       vw_or(vw_and(c, 0x0f0f0f0f), vw_and(vw_shr(a, 2), 0x30303030))};
  UNROLL
  for (int j = 0; j < 8; j++) {
    if (fetch_tokens > 0)
      fetch_ahead(fetch_tokens, record + j * LINE, 1);
    vf_store(scales + j * BT_PANEL, vf_mul(d, vf_from(vw_byte(scale[j / 4], j % 4))));
    PIECE_END;
  }
}

/* Their 6-bit minimums: 8 in words 1 and 2, here as pairs of int16 in the order 0 2, 1 3, 4 6, 5 7.
 */
BT_INLINE void unpack_mins(const uint8_t *words, vw mins[4]) {
  const vw b = vw_load(words + GROUP_BYTES), c = vw_load(words + 2 * GROUP_BYTES);
  const vw min[2] = {vw_and(b, 0x3f3f3f3f),
                     vw_or(vw_and(vw_shr(c, 4), 0x0f0f0f0f), vw_and(vw_shr(b, 2), 0x30303030))};
  UNROLL
  for (int i = 0; i < 4; i++)
    mins[i] = vw_and(i % 2 ? vw_shr(min[i / 2], 8) : min[i / 2], 0x00ff00ff);
}

/* s - dmin * (sum of m_j * S_j), once for the superblock. */
BT_INLINE vf subtract_mins(const vf s, const vf dmin, const vw mins[4], const struct bt_q8_256 *x) {
  vi sum = vi_set1(0);
  UNROLL
  for (int i = 0; i < 4; i++)
    sum = vi_dot16(sum, mins[i], vw_bytes(x->sums + 2 * i));
  return vf_fma(vf_neg(dmin), vf_from(sum), s);
}

/* Bit or bits [from, ..) of each byte, moved to bit 4. */
BT_INLINE vw move_to_bit_4(vw a, const int from, const uint32_t mask) {
  return vw_and(from < 4 ? vw_shl(a, 4 - from) : vw_shr(a, from - 4), mask);
}

/* 4 weights of a sub-block whose number is `phase` in its run (tile_256), from the groups of 4
 * bytes of both fields. */
BT_INLINE vw load_k(const int type, const int phase, const uint8_t *low_at,
                    const uint8_t *high_at) {
  const int is_upper = type == BT_Q6_K ? phase / 4 : phase % 2;
  const vw raw = vw_load(low_at);
  const vw low = vw_and(is_upper ? vw_shr(raw, 4) : raw, 0x0f0f0f0f);
  if (type == BT_Q4_K)
    return low;
  if (type == BT_Q5_K)
    return vw_or(low, move_to_bit_4(vw_load(high_at), phase, 0x10101010));
  return vw_or(low, move_to_bit_4(vw_load(high_at), phase / 2 * 2, 0x30303030));
}

BT_INLINE int record_bytes_of_256(const int type) {
  return (type == BT_Q4_K ? 72 : type == BT_Q5_K ? 88 : 105) * LINE;
}

/* Sub-blocks of a superblock. */
BT_INLINE int subs_of(const int type) { return type == BT_Q6_K ? 16 : 8; }

/* Where sub-block j stands: its first groups of 4 bytes, and its number among those after which the
 * places of their bits repeat. */
struct sub_place {
  int phase;
  const uint8_t *low;
  const uint8_t *high;
};

BT_INLINE struct sub_place sub_place_of(const int type, const uint8_t *record, const int j) {
  if (type == BT_Q6_K) {
    /* a phase is a quarter and which 16 of 32; quarters 0 and 1 are low nibbles, 2 and 3 the high
     * ones */
    const int phase = j % 8;
    const uint8_t *half = record + (9 + j / 8 * 48) * LINE;
    return (struct sub_place){.phase = phase,
                              .low = half + 16 * LINE + phase % 4 * 4 * GROUP_BYTES,
                              .high = half + phase % 2 * 4 * GROUP_BYTES};
  }
  const uint8_t *high = record + 8 * LINE;
  const uint8_t *low = high + (type == BT_Q4_K ? 0 : 16 * LINE);
  return (struct sub_place){
      .phase = type == BT_Q4_K ? j % 2 : j, .low = low + j / 2 * 8 * GROUP_BYTES, .high = high};
}

/* s += the dots of a sub-block times its scales. */
BT_INLINE void add_scaled(const int tokens, const float *scales, dot_sums sum, row_sums s) {
  const int groups = GROUPS_OF(tokens);
  UNROLL
  for (int g = 0; g < groups; g++) {
    const vf scale = vf_load(scales + g * LANES);
    UNROLL
    for (int t = 0; t < tokens; t++)
      s[g][t] = vf_fma(vf_from(sum[g][t]), scale, s[g][t]);
  }
}

/* The integer dots of sub-block j, times its scales, added to s. `next` is a share of the record to
 * fetch ahead. */
BT_INLINE void sub_block(const int type, const int tokens, const struct sub_place at, const int row,
                         const int j, const float *scales, const uint8_t *next,
                         const struct tile *tile, int64_t block, row_sums s) {
  const int groups = GROUPS_OF(tokens);
  const int byte_groups = type == BT_Q6_K ? 4 : 8;
  const int more_lines =
      type == BT_Q4_K ? 0 : 2; /* than byte_groups: lines to fetch for a record's share */
  const int part_groups = part_steps(weight_bits(type));
  dot_sums sum;
  UNROLL
  for (int t = 0; t < tokens; t++) {
    const vi start = vi_set1(type == BT_Q6_K ? q8_256_of(tile, t, block)->minus_32_sum[j] : 0);
    UNROLL
    for (int g = 0; g < groups; g++)
      sum[g][t] = start;
  }
  UNROLL
  for (int first = 0; first < byte_groups; first += part_groups) {
    dot_parts part;
    start_parts(tokens, sum, part);
    UNROLL
    for (int group = first; group < first + part_groups; group++) {
      fetch_ahead(tokens, next + (group + (group < more_lines ? group : more_lines)) * LINE,
                  1 + (group < more_lines));
      vw w[MAX_GROUPS];
      UNROLL
      for (int g = 0; g < groups; g++) {
        const int offset = group * GROUP_BYTES + (row + g * LANES) * 4;
        w[g] = load_k(type, at.phase, at.low + offset, at.high + offset);
      }
      UNROLL
      for (int t = 0; t < tokens; t++) {
        const vw x = vw_bytes(q8_256_of(tile, t, block)->q + byte_groups * 4 * j + group * 4);
        UNROLL
        for (int g = 0; g < groups; g++)
          part[g][t] = part_dot(part[g][t], w[g], x);
      }
      PIECE_END;
    }
    end_parts(tokens, part, sum);
  }
  add_scaled(tokens, scales + row, sum, s);
}

/* The scales of a superblock, d * sc_j, for one vector of rows from `row` on; and, on the way, the
 * lines before its bytes fetched ahead as for so many tokens, or not for 0. */
BT_INLINE void load_scales(const int type, const int fetch_tokens, const uint8_t *record,
                           const int row, sub_scales scales) {
  const vf d = vf_load_f16(record + row * 2);
  if (type != BT_Q6_K) {
    unpack_scales(fetch_tokens, record, d, record + 2 * LINE + row * 4, scales[0] + row);
    return;
  }
  UNROLL
  for (int j = 0; j < 16; j++) {
    const uint8_t *words = record + LINE + row * 4 + j / 4 * GROUP_BYTES;
    if (fetch_tokens > 0 && j < 9)
      fetch_ahead(fetch_tokens, record + j * LINE, 1);
    vf_store(scales[j] + row, vf_mul(d, vf_from(vw_signed_byte(vw_load(words), j % 4))));
    PIECE_END;
  }
}

/* Adds a superblock's sums of one vector of rows, from `row` on, to the chains, which stand in
 * tile->out: in registers they would push out the dots. */
BT_INLINE void end_superblock(const int type, const int tokens, const int row, const vf dmin,
                              const vw mins[4], const struct tile *tile, int64_t block, vf *s) {
  UNROLL
  for (int t = 0; t < tokens; t++) {
    const struct bt_q8_256 *x = q8_256_of(tile, t, block);
    float *out = tile->out + t * BT_PANEL + row;
    const vf sum = type == BT_Q6_K ? s[t] : subtract_mins(s[t], dmin, mins, x);
    vf_store(out, vf_fma(sum, vf_set1(x->d), vf_load(out)));
  }
}

BT_INLINE void tile_256(const int type, const int tokens, const struct tile *tile) {
  const int groups = GROUPS_OF(tokens);
  const int is_q6 = type == BT_Q6_K;
  const int lines = record_bytes_of_256(type) / LINE;
  const int phases =
      type == BT_Q4_K ? 2 : 8; /* sub-blocks after which the places of their bits repeat */
  const int sub_bytes = is_q6 ? 6 * LINE : 8 * LINE;
  const int head_lines = is_q6 ? 9 : 8;

  memset(tile->out, 0, (size_t)tokens * BT_PANEL * sizeof *tile->out);
  for (int row = 0; row < BT_PANEL; row += groups * LANES) {
    const uint8_t *record = tile->panel;
    for (int64_t block = 0; block < tile->blocks; block++, record += lines * LINE) {
      _Alignas(LINE) sub_scales scales;
      UNROLL
      for (int g = 0; g < groups; g++)
        load_scales(type, g == 0 ? tokens : 0, record, row + g * LANES, scales);
      row_sums s;
      zero_sums(tokens, s);
      for (int first = 0; first < subs_of(type); first += phases) {
        UNROLL
        for (int phase = 0; phase < phases; phase++) {
          const struct sub_place at = sub_place_of(type, record + first * sub_bytes, phase);
          const int j = first + phase;
          const int next_line = head_lines + (lines - head_lines) / subs_of(type) * j;
          sub_block(type, tokens, at, row, j, scales[j], record + next_line * LINE, tile, block, s);
        }
      }
      UNROLL
      for (int g = 0; g < groups; g++) {
        const int at = row + g * LANES;
        vw mins[4];
        if (!is_q6)
          unpack_mins(record + 2 * LINE + at * 4, mins);
        end_superblock(type, tokens, at, vf_load_f16(record + LINE + at * 2), mins, tile, block,
                       s[g]);
      }
    }
  }
}

#endif
