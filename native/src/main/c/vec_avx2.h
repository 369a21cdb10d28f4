/* The vectors of variant.c in AVX2 with FMA and F16C: see vec.h for what each function means. */
#include <immintrin.h>

/* --- 16 floats --- */

typedef struct {
  __m256 a, b;
} v16;

BT_INLINE v16 v16_of(__m256 a, __m256 b) { return (v16){a, b}; }
BT_INLINE v16 v16_zero(void) { return v16_of(_mm256_setzero_ps(), _mm256_setzero_ps()); }
BT_INLINE v16 v16_set1(float x) { return v16_of(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
BT_INLINE v16 v16_load(const float *p) {
  return v16_of(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
}
BT_INLINE void v16_store(float *p, v16 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
BT_INLINE v16 v16_load_n(const float *p, int n) {
  float t[16] = {0};
  memcpy(t, p, (size_t)n * sizeof *t);
  return v16_load(t);
}
BT_INLINE void v16_store_n(float *p, v16 x, int n) {
  float t[16];
  v16_store(t, x);
  memcpy(p, t, (size_t)n * sizeof *t);
}
BT_INLINE v16 v16_add(v16 x, v16 y) {
  return v16_of(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b));
}
BT_INLINE v16 v16_sub(v16 x, v16 y) {
  return v16_of(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b));
}
BT_INLINE v16 v16_mul(v16 x, v16 y) {
  return v16_of(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b));
}
BT_INLINE v16 v16_div(v16 x, v16 y) {
  return v16_of(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b));
}
BT_INLINE v16 v16_fma(v16 x, v16 y, v16 z) {
  return v16_of(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}
BT_INLINE v16 v16_max(v16 x, v16 y) {
  return v16_of(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b));
}
BT_INLINE v16 v16_min(v16 x, v16 y) {
  return v16_of(_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b));
}
BT_INLINE v16 v16_abs(v16 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return v16_of(_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b));
}
BT_INLINE v16 v16_neg(v16 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return v16_of(_mm256_xor_ps(sign, x.a), _mm256_xor_ps(sign, x.b));
}
BT_INLINE v16 v16_rint(v16 x) {
  return v16_of(_mm256_round_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                _mm256_round_ps(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
BT_INLINE v16 v16_select_lt(v16 x, v16 y, v16 yes, v16 no) {
  return v16_of(_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
                _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)));
}
BT_INLINE __m256 exponent8(__m256 n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
BT_INLINE v16 v16_scale2(v16 x, v16 n) {
  return v16_mul(x, v16_of(exponent8(n.a), exponent8(n.b)));
}
BT_INLINE v16 v16_load_f16(const uint16_t *p) {
  return v16_of(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8))));
}
BT_INLINE void v16_store_f16(uint16_t *p, v16 x) {
  _mm_storeu_si128((__m128i *)p,
                   _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128((__m128i *)(p + 8),
                   _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
BT_INLINE int32_t v16_store_i8(int8_t *p, v16 x) {
  const __m256i a = _mm256_cvtps_epi32(x.a), b = _mm256_cvtps_epi32(x.b);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
  const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(low, high));
  const __m256i pairs = _mm256_madd_epi16(words, _mm256_set1_epi16(1));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
  return _mm_cvtsi128_si32(sum);
}
BT_INLINE int32_t v16_store_i8_pair(int8_t *p, v16 a, v16 b) {
  return v16_store_i8(p, a) + v16_store_i8(p + 16, b);
}
BT_INLINE float v16_fold_max(v16 x) {
  const __m256 eight = _mm256_max_ps(x.a, x.b);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
BT_INLINE float v16_first(v16 x) { return _mm256_cvtss_f32(x.a); }
BT_INLINE v16 v16_evens(v16 x) { return v16_of(_mm256_moveldup_ps(x.a), _mm256_moveldup_ps(x.b)); }
BT_INLINE v16 v16_odds(v16 x) { return v16_of(_mm256_movehdup_ps(x.a), _mm256_movehdup_ps(x.b)); }
BT_INLINE v16 v16_swap_pairs(v16 x) {
  return v16_of(_mm256_permute_ps(x.a, 0xb1), _mm256_permute_ps(x.b, 0xb1));
}
BT_INLINE v16 v16_neg_evens(v16 x) {
  const __m256 sign = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000));
  return v16_of(_mm256_xor_ps(sign, x.a), _mm256_xor_ps(sign, x.b));
}
#define V16_ROWS 6
#define V16_COLUMNS(rows) ((rows) == 1 ? 4 : (rows) == 2 ? 2 : 1)

/* --- the wire --- */

#include "halves_avx.h"

BT_INLINE v16 v16_load_i8(const int8_t *p) {
  const __m128i x = _mm_loadu_si128((const __m128i *)p);
  return v16_of(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))));
}
BT_INLINE __m256i nh_4(const uint8_t *p, const uint64_t *keys, __m256i sum) {
  const __m256i x = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)p),
                                     _mm256_loadu_si256((const __m256i *)keys));
  return _mm256_add_epi64(sum, _mm256_mul_epu32(x, _mm256_srli_epi64(x, 32)));
}
BT_INLINE uint64_t nh_words(const uint8_t *p, const uint64_t *keys, int64_t n) {
  __m256i a = _mm256_setzero_si256(), b = a;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    a = nh_4(p + i * 8, keys + i, a);
    b = nh_4(p + i * 8 + 32, keys + i + 4, b);
  }
  uint64_t sums[4];
  _mm256_storeu_si256((__m256i *)sums, _mm256_add_epi64(a, b));
  return sums[0] + sums[1] + sums[2] + sums[3] + nh_words_plain(p + i * 8, keys + i, n - i);
}

/* --- rows as lanes --- */

#define LANES 8
#define TILE_TOKENS 4
#define GROUPS_OF(tokens) ((tokens) == 1 ? 4 : (tokens) == 2 ? 2 : 1)
#define Q8_IS_SIGNED                                                                               \
  1 /* maddubs saturates on unsigned Q8_0, so there it is |w| times x with the sign of w */

typedef __m256 vf;
typedef __m256i vi;
typedef __m256i vw;
typedef __m256i vpart; /* sums of pairs of products, 16 bits */

BT_INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
BT_INLINE vf vf_set1(float x) { return _mm256_set1_ps(x); }
BT_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
BT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
BT_INLINE vf vf_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
BT_INLINE vf vf_load(const void *p) { return _mm256_loadu_ps(p); }
BT_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
BT_INLINE vf vf_load_f16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
BT_INLINE vf vf_load_bf16(const void *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
BT_INLINE vf vf_from(vi a) { return _mm256_cvtepi32_ps(a); }
BT_INLINE vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
BT_INLINE vi vi_shl(vi a, int n) { return _mm256_slli_epi32(a, n); }
BT_INLINE vw vw_load(const void *p) { return _mm256_loadu_si256(p); }
BT_INLINE void vw_store(void *p, vw a) { _mm256_storeu_si256(p, a); }
BT_INLINE vw vw_bytes(const void *p) {
  int32_t x;
  memcpy(&x, p, sizeof x);
  return _mm256_set1_epi32(x);
}
BT_INLINE vw vw_and(vw a, uint32_t mask) {
  return _mm256_and_si256(a, _mm256_set1_epi32((int32_t)mask));
}
BT_INLINE vw vw_or(vw a, vw b) { return _mm256_or_si256(a, b); }
BT_INLINE vw vw_shr(vw a, int n) { return _mm256_srli_epi32(a, n); }
BT_INLINE vw vw_shl(vw a, int n) { return _mm256_slli_epi32(a, n); }
BT_INLINE vi vw_byte(vw a, int i) { return vw_and(_mm256_srli_epi32(a, 8 * i), 0xff); }
BT_INLINE vi vw_signed_byte(vw a, int i) {
  return _mm256_srai_epi32(_mm256_slli_epi32(a, 24 - 8 * i), 24);
}
BT_INLINE vi vi_dot16(vi sum, vw a, vw b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

BT_INLINE vpart part_start(vi sum) {
  (void)sum;
  return _mm256_setzero_si256();
}
/* a + b, here and now: gcc puts additions off until their sum is used, and keeps all products on
 * the stack meanwhile, which halves the speed. */
BT_INLINE __m256i add_now_16(__m256i a, __m256i b) {
  __m256i sum = _mm256_add_epi16(a, b);
  __asm__ volatile("" : "+x"(sum));
  return sum;
}
BT_INLINE vpart part_dot(vpart part, vw w, vw x) {
  return add_now_16(part, _mm256_maddubs_epi16(w, x));
}
BT_INLINE vpart part_dot_q8(vpart part, vw w, vw x) {
  const __m256i s = _mm256_xor_si256(w, _mm256_set1_epi8(INT8_MIN));
  return add_now_16(part, _mm256_maddubs_epi16(_mm256_abs_epi8(s), _mm256_sign_epi8(x, s)));
}
BT_INLINE vi part_end(vpart part, vi sum) {
  __m256i wide = _mm256_add_epi32(sum, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
  __asm__ volatile("" : "+x"(wide));
  return wide;
}
