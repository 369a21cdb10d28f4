/* The vectors of variant.c in AVX-512: see vec.h for what each function means. */
#include <immintrin.h>

/* --- 16 floats --- */

typedef __m512 v16;

BT_INLINE v16 v16_zero(void) { return _mm512_setzero_ps(); }
BT_INLINE v16 v16_set1(float x) { return _mm512_set1_ps(x); }
BT_INLINE v16 v16_load(const float *p) { return _mm512_loadu_ps(p); }
BT_INLINE void v16_store(float *p, v16 a) { _mm512_storeu_ps(p, a); }
BT_INLINE v16 v16_load_n(const float *p, int n) {
  return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
BT_INLINE void v16_store_n(float *p, v16 a, int n) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a);
}
BT_INLINE v16 v16_add(v16 a, v16 b) { return _mm512_add_ps(a, b); }
BT_INLINE v16 v16_sub(v16 a, v16 b) { return _mm512_sub_ps(a, b); }
BT_INLINE v16 v16_mul(v16 a, v16 b) { return _mm512_mul_ps(a, b); }
BT_INLINE v16 v16_div(v16 a, v16 b) { return _mm512_div_ps(a, b); }
BT_INLINE v16 v16_fma(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); }
BT_INLINE v16 v16_max(v16 a, v16 b) { return _mm512_max_ps(a, b); }
BT_INLINE v16 v16_min(v16 a, v16 b) { return _mm512_min_ps(a, b); }
BT_INLINE v16 v16_abs(v16 a) { return _mm512_abs_ps(a); }
BT_INLINE v16 v16_neg(v16 a) {
  return _mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32(INT32_MIN)));
}
BT_INLINE v16 v16_rint(v16 a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
BT_INLINE v16 v16_select_lt(v16 a, v16 b, v16 yes, v16 no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
BT_INLINE v16 v16_scale2(v16 a, v16 n) {
  const __m512i e =
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
  return _mm512_mul_ps(a, _mm512_castsi512_ps(e));
}
BT_INLINE v16 v16_load_f16(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
BT_INLINE void v16_store_f16(uint16_t *p, v16 a) {
  _mm256_storeu_si256((__m256i *)p,
                      _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
BT_INLINE int32_t v16_store_i8(int8_t *p, v16 a) {
  const __m512i i = _mm512_cvtps_epi32(a);
  _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(i));
  return _mm512_reduce_add_epi32(i);
}
BT_INLINE int32_t v16_store_i8_pair(int8_t *p, v16 a, v16 b) {
  const __m512i i = _mm512_cvtps_epi32(a), j = _mm512_cvtps_epi32(b);
  _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(i));
  _mm_storeu_si128((__m128i *)(p + 16), _mm512_cvtsepi32_epi8(j));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(i, j));
}
BT_INLINE float v16_fold_max(v16 a) { return _mm512_reduce_max_ps(a); }
BT_INLINE float v16_first(v16 a) { return _mm512_cvtss_f32(a); }
BT_INLINE v16 v16_evens(v16 a) { return _mm512_moveldup_ps(a); }
BT_INLINE v16 v16_odds(v16 a) { return _mm512_movehdup_ps(a); }
BT_INLINE v16 v16_swap_pairs(v16 a) { return _mm512_permute_ps(a, 0xb1); }
BT_INLINE v16 v16_neg_evens(v16 a) {
  return _mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi64(0x80000000)));
}
#define V16_ROWS 6
#define V16_COLUMNS(rows) 4

/* --- the wire --- */

#include "halves_avx.h"

BT_INLINE v16 v16_load_i8(const int8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
BT_INLINE __m512i nh_8(__m512i words, __m512i keys, __m512i sum) {
  const __m512i x = _mm512_xor_si512(words, keys);
  return _mm512_add_epi64(sum, _mm512_mul_epu32(x, _mm512_srli_epi64(x, 32)));
}
BT_INLINE uint64_t nh_words(const uint8_t *p, const uint64_t *keys, int64_t n) {
  __m512i a = _mm512_setzero_si512(), b = a;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    a = nh_8(_mm512_loadu_si512(p + i * 8), _mm512_loadu_si512(keys + i), a);
    b = nh_8(_mm512_loadu_si512(p + i * 8 + 64), _mm512_loadu_si512(keys + i + 8), b);
  }
  for (; i < n; i += 8) { /* the words and keys past the end count as zeros */
    const __mmask8 mask = (__mmask8)(n - i < 8 ? (1 << (n - i)) - 1 : 255);
    a = nh_8(_mm512_maskz_loadu_epi64(mask, p + i * 8), _mm512_maskz_loadu_epi64(mask, keys + i),
             a);
  }
  a = _mm512_add_epi64(a, b);
  uint64_t sums[4];
  _mm256_storeu_si256((__m256i *)sums,
                      _mm256_add_epi64(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1)));
  return sums[0] + sums[1] + sums[2] + sums[3];
}

/* --- rows as lanes --- */

#define LANES 16
#define TILE_TOKENS 5
#define GROUPS_OF(tokens) 2
#define Q8_IS_SIGNED 0

typedef __m512 vf;
typedef __m512i vi;
typedef __m512i vw;
typedef __m512i vpart;

BT_INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
BT_INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
BT_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
BT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
BT_INLINE vf vf_neg(vf a) { return v16_neg(a); }
BT_INLINE vf vf_load(const void *p) { return _mm512_loadu_ps(p); }
BT_INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
BT_INLINE vf vf_load_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
BT_INLINE vf vf_load_bf16(const void *p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}
BT_INLINE vf vf_from(vi a) { return _mm512_cvtepi32_ps(a); }
BT_INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
BT_INLINE vi vi_shl(vi a, int n) { return _mm512_slli_epi32(a, (unsigned)n); }
BT_INLINE vw vw_load(const void *p) { return _mm512_loadu_si512(p); }
BT_INLINE void vw_store(void *p, vw a) { _mm512_storeu_si512(p, a); }
BT_INLINE vw vw_bytes(const void *p) {
  int32_t x;
  memcpy(&x, p, sizeof x);
  return _mm512_set1_epi32(x);
}
BT_INLINE vw vw_and(vw a, uint32_t mask) {
  return _mm512_and_si512(a, _mm512_set1_epi32((int32_t)mask));
}
BT_INLINE vw vw_or(vw a, vw b) { return _mm512_or_si512(a, b); }
BT_INLINE vw vw_shr(vw a, int n) { return _mm512_srli_epi32(a, (unsigned)n); }
BT_INLINE vw vw_shl(vw a, int n) { return _mm512_slli_epi32(a, (unsigned)n); }
BT_INLINE vi vw_byte(vw a, int i) { return vw_and(_mm512_srli_epi32(a, 8 * (unsigned)i), 0xff); }
BT_INLINE vi vw_signed_byte(vw a, int i) {
  return _mm512_srai_epi32(_mm512_slli_epi32(a, 24 - 8 * (unsigned)i), 24);
}
BT_INLINE vi vi_dot16(vi sum, vw a, vw b) { return _mm512_dpwssd_epi32(sum, a, b); }

BT_INLINE vpart part_start(vi sum) { return sum; }
BT_INLINE vpart part_dot(vpart part, vw w, vw x) { return _mm512_dpbusd_epi32(part, w, x); }
BT_INLINE vpart part_dot_q8(vpart part, vw w, vw x) { return _mm512_dpbusd_epi32(part, w, x); }
BT_INLINE vi part_end(vpart part, vi sum) {
  (void)sum;
  return part;
}
