/*
 * The vectors that the kernels are written in, one header per ISA level, all with the same
 * functions.
 *
 * v16 is 16 floats, for everything that runs along a row:
 *   v16_zero  v16_set1  v16_load  v16_store                 16 floats at any alignment
 *   v16_load_n  v16_store_n                                 the first n < 16; the others load as +0
 *   v16_add  v16_sub  v16_mul  v16_div  v16_fma(a, b, c)    one rounding each; fma is a * b + c
 *   v16_max  v16_min                                        b where a and b are equal or unordered
 *   v16_abs  v16_neg  v16_rint                              rint to nearest even
 *   v16_select_lt(a, b, yes, no)                            yes where a < b
 *   v16_scale2(a, n)                                        a * 2^n for whole n in [-126, 127]
 *   v16_load_f16  v16_store_f16                             16 halves; stores round to nearest even
 *   v16_store_i8  v16_store_i8_pair                         rounded to nearest even, as bytes in
 * [-128, 127]; returns their sum v16_fold_add  v16_fold_max                              over all
 * lanes; the sum in the contract's order v16_first lane 0 v16_evens v16_odds  v16_swap_pairs
 * v16_neg_evens      [a0 a0 a2 a2 ..] [a1 a1 ..] [a1 a0 ..] [-a0 a1 ..] V16_ROWS  V16_COLUMNS(rows)
 * most rows of a tile of v16 sums; vectors of each (1, 2, 4)
 *
 * For the wire:
 *   v16_load_i8                  16 signed bytes as floats
 *   f16_amax_32                  the largest magnitude of 32 halves, compared as their bits
 *   nh_words(p, keys, n)         the sum of nh_product(p[i] ^ keys[i]) over n 8-byte words
 *   transpose_16(src, src_stride, dst, dst_stride)   16 x 16 halves; strides in bytes
 *
 * vf, vi, vw are LANES rows of a packed panel (matmul.h): floats, int32 and 4 weight bytes.
 *   vw_bytes(p)             4 activations for all lanes      vw_byte, vw_signed_byte   byte i of
 * each lane as an int32 vw_shr, vw_shl          by a constant vi_dot16(sum, a, b)     sum + the dot
 * of 2 int16         part_start, part_dot, part_end   see matmul.h GROUPS_OF(tokens)       vectors
 * of rows in a tile        TILE_TOKENS   most tokens in a tile Q8_IS_SIGNED            part_dot_q8
 * takes the offset of 128 off by itself
 */
#ifndef BATON_VEC_H
#define BATON_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Tiles live in registers, and so must be inlined whole; plain C would only take long to compile
 * that way. */
#if defined(BT_ISA_SCALAR)
#define BT_INLINE static inline __attribute__((unused))
#else
#define BT_INLINE static inline __attribute__((always_inline, unused))
#endif

/* The product of a word's halves, and the sum of them over n words xored with their keys. */
BT_INLINE uint64_t nh_product(uint64_t x) { return (x & 0xffffffff) * (x >> 32); }
BT_INLINE uint64_t nh_words_plain(const uint8_t *p, const uint64_t *keys, int64_t n) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t word;
    memcpy(&word, p + i * 8, sizeof word);
    sum += nh_product(word ^ keys[i]);
  }
  return sum;
}

#if defined(BT_ISA_AVX512)
#include "vec_avx512.h"
#elif defined(BT_ISA_AVX2)
#include "vec_avx2.h"
#elif defined(BT_ISA_NEON) || defined(BT_ISA_NEON_DOTPROD)
#include "vec_neon.h"
#else
#include "vec_scalar.h"
#endif

BT_INLINE float v16_fold_add(v16 a) {
  float lane[16];
  v16_store(lane, a);
  for (int width = 8; width; width /= 2) {
    for (int i = 0; i < width; i++)
      lane[i] += lane[i + width];
  }
  return lane[0];
}

#endif
