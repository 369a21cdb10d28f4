/* The vectors of variant.c in plain C: see vec.h for what each function means. */

BT_INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
BT_INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* f16 -> f32, exact. Subnormals: the fraction as an integer, times 2^-24. */
BT_INLINE float f16_to_float(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
  const uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 0)
    return float_of(bits_of((float)fraction * 0x1p-24f) | sign);
  return float_of(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}

/* f32 -> f16, nearest even. */
BT_INLINE uint16_t float_to_f16(float x) {
  const uint32_t bits = bits_of(x), magnitude = bits & 0x7fffffff;
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000)
    return sign | 0x7e00;
  if (magnitude >= 0x477ff000)
    return sign | 0x7c00;       /* rounds past 65504 */
  if (magnitude < 0x38800000) { /* subnormal: adding 1/2 leaves 2^-24 as the last place */
    return (uint16_t)(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | ((rounded >> 13) - (112 << 10)));
}

/* --- 16 floats --- */

typedef struct {
  float v[16];
} v16;

#define V16_MAP(expression)                                                                        \
  v16 r;                                                                                           \
  for (int i = 0; i < 16; i++)                                                                     \
    r.v[i] = (expression);                                                                         \
  return r

BT_INLINE v16 v16_set1(float x) { V16_MAP(x); }
BT_INLINE v16 v16_zero(void) { return v16_set1(0); }
BT_INLINE v16 v16_load(const float *p) { V16_MAP(p[i]); }
BT_INLINE void v16_store(float *p, v16 a) { memcpy(p, a.v, sizeof a.v); }
BT_INLINE v16 v16_load_n(const float *p, int n) { V16_MAP(i < n ? p[i] : 0); }
BT_INLINE void v16_store_n(float *p, v16 a, int n) { memcpy(p, a.v, (size_t)n * sizeof *p); }
BT_INLINE v16 v16_add(v16 a, v16 b) { V16_MAP(a.v[i] + b.v[i]); }
BT_INLINE v16 v16_sub(v16 a, v16 b) { V16_MAP(a.v[i] - b.v[i]); }
BT_INLINE v16 v16_mul(v16 a, v16 b) { V16_MAP(a.v[i] * b.v[i]); }
BT_INLINE v16 v16_div(v16 a, v16 b) { V16_MAP(a.v[i] / b.v[i]); }
BT_INLINE v16 v16_fma(v16 a, v16 b, v16 c) { V16_MAP(fmaf(a.v[i], b.v[i], c.v[i])); }
BT_INLINE v16 v16_max(v16 a, v16 b) { V16_MAP(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
BT_INLINE v16 v16_min(v16 a, v16 b) { V16_MAP(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
BT_INLINE v16 v16_abs(v16 a) { V16_MAP(fabsf(a.v[i])); }
BT_INLINE v16 v16_neg(v16 a) { V16_MAP(-a.v[i]); }
BT_INLINE v16 v16_rint(v16 a) { V16_MAP(rintf(a.v[i])); }
BT_INLINE v16 v16_select_lt(v16 a, v16 b, v16 yes, v16 no) {
  V16_MAP(a.v[i] < b.v[i] ? yes.v[i] : no.v[i]);
}
BT_INLINE v16 v16_scale2(v16 a, v16 n) {
  V16_MAP(a.v[i] * float_of((uint32_t)((int32_t)n.v[i] + 127) << 23));
}
BT_INLINE v16 v16_load_f16(const uint16_t *p) { V16_MAP(f16_to_float(p[i])); }
BT_INLINE void v16_store_f16(uint16_t *p, v16 a) {
  for (int i = 0; i < 16; i++)
    p[i] = float_to_f16(a.v[i]);
}
BT_INLINE int32_t v16_store_i8(int8_t *p, v16 a) {
  int32_t sum = 0;
  for (int i = 0; i < 16; i++) {
    const float x = rintf(a.v[i]);
    p[i] = (int8_t)(x >= 127    ? 127
                    : x >= -128 ? (int32_t)x
                                : -128); /* also takes a NaN somewhere */
    sum += p[i];
  }
  return sum;
}
BT_INLINE int32_t v16_store_i8_pair(int8_t *p, v16 a, v16 b) {
  return v16_store_i8(p, a) + v16_store_i8(p + 16, b);
}
BT_INLINE float v16_fold_max(v16 a) {
  float most = a.v[0];
  for (int i = 1; i < 16; i++)
    most = a.v[i] > most ? a.v[i] : most;
  return most;
}
BT_INLINE float v16_first(v16 a) { return a.v[0]; }
BT_INLINE v16 v16_evens(v16 a) { V16_MAP(a.v[i & ~1]); }
BT_INLINE v16 v16_odds(v16 a) { V16_MAP(a.v[i | 1]); }
BT_INLINE v16 v16_swap_pairs(v16 a) { V16_MAP(a.v[i ^ 1]); }
BT_INLINE v16 v16_neg_evens(v16 a) { V16_MAP(i & 1 ? a.v[i] : -a.v[i]); }
#define V16_ROWS 1
#define V16_COLUMNS(rows) 1

/* --- the wire --- */

BT_INLINE v16 v16_load_i8(const int8_t *p) { V16_MAP(p[i]); }
BT_INLINE uint16_t f16_amax_32(const uint16_t *p) {
  uint16_t most = 0;
  for (int i = 0; i < 32; i++)
    most = (p[i] & 0x7fff) > most ? p[i] & 0x7fff : most;
  return most;
}
BT_INLINE uint64_t nh_words(const uint8_t *p, const uint64_t *keys, int64_t n) {
  return nh_words_plain(p, keys, n);
}
BT_INLINE void transpose_16(const uint8_t *src, int64_t src_stride, uint8_t *dst,
                            int64_t dst_stride) {
  for (int i = 0; i < 16; i++) {
    for (int j = 0; j < 16; j++)
      memcpy(dst + i * dst_stride + j * 2, src + j * src_stride + i * 2, 2);
  }
}

/* --- rows as lanes: one row at a time --- */

#define LANES 1
#define TILE_TOKENS 4
#define GROUPS_OF(tokens) BT_PANEL
#define Q8_IS_SIGNED 0

typedef float vf;
typedef int32_t vi;
typedef uint32_t vw;
typedef int32_t vpart;

BT_INLINE vf vf_zero(void) { return 0; }
BT_INLINE vf vf_set1(float x) { return x; }
BT_INLINE vf vf_mul(vf a, vf b) { return a * b; }
BT_INLINE vf vf_fma(vf a, vf b, vf c) { return fmaf(a, b, c); }
BT_INLINE vf vf_neg(vf a) { return -a; }
BT_INLINE vf vf_load(const void *p) {
  float x;
  memcpy(&x, p, sizeof x);
  return x;
}
BT_INLINE void vf_store(float *p, vf a) { *p = a; }
BT_INLINE vf vf_load_f16(const void *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  return f16_to_float(h);
}
BT_INLINE vf vf_load_bf16(const void *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  return float_of((uint32_t)h << 16);
}
BT_INLINE vf vf_from(vi a) { return (float)a; }
BT_INLINE vi vi_set1(int32_t x) { return x; }
BT_INLINE vi vi_shl(vi a, int n) { return a * (1 << n); }
BT_INLINE vw vw_load(const void *p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}
BT_INLINE void vw_store(void *p, vw a) { memcpy(p, &a, sizeof a); }
BT_INLINE vw vw_bytes(const void *p) { return vw_load(p); }
BT_INLINE vw vw_and(vw a, uint32_t mask) { return a & mask; }
BT_INLINE vw vw_or(vw a, vw b) { return a | b; }
BT_INLINE vw vw_shr(vw a, int n) { return a >> n; }
BT_INLINE vw vw_shl(vw a, int n) { return a << n; }
BT_INLINE vi vw_byte(vw a, int i) { return (vi)(a >> 8 * i & 0xff); }
BT_INLINE vi vw_signed_byte(vw a, int i) { return (int8_t)(a >> 8 * i & 0xff); }
BT_INLINE vi vi_dot16(vi sum, vw a, vw b) {
  return sum + (int16_t)(a & 0xffff) * (int16_t)(b & 0xffff) +
         (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

BT_INLINE vpart part_start(vi sum) { return sum; }
BT_INLINE vpart part_dot(vpart part, vw w, vw x) {
  for (int i = 0; i < 4; i++)
    part += (int32_t)(w >> 8 * i & 0xff) * (int8_t)(x >> 8 * i & 0xff);
  return part;
}
BT_INLINE vpart part_dot_q8(vpart part, vw w, vw x) { return part_dot(part, w, x); }
BT_INLINE vi part_end(vpart part, vi sum) {
  (void)sum;
  return part;
}
