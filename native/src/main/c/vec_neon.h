/* The vectors of variant.c in NEON: see vec.h for what each function means. */
#include <arm_neon.h>

/* --- 16 floats --- */

typedef float32x4x4_t v16;

#define V16_MAP(expression)                                                                        \
  v16 r;                                                                                           \
  for (int i = 0; i < 4; i++)                                                                      \
    r.val[i] = (expression);                                                                       \
  return r

BT_INLINE v16 v16_set1(float x) { V16_MAP(vdupq_n_f32(x)); }
BT_INLINE v16 v16_zero(void) { return v16_set1(0); }
BT_INLINE v16 v16_load(const float *p) { V16_MAP(vld1q_f32(p + 4 * i)); }
BT_INLINE void v16_store(float *p, v16 a) {
  for (int i = 0; i < 4; i++)
    vst1q_f32(p + 4 * i, a.val[i]);
}
BT_INLINE v16 v16_load_n(const float *p, int n) {
  float t[16] = {0};
  memcpy(t, p, (size_t)n * sizeof *t);
  return v16_load(t);
}
BT_INLINE void v16_store_n(float *p, v16 a, int n) {
  float t[16];
  v16_store(t, a);
  memcpy(p, t, (size_t)n * sizeof *t);
}
BT_INLINE v16 v16_add(v16 a, v16 b) { V16_MAP(vaddq_f32(a.val[i], b.val[i])); }
BT_INLINE v16 v16_sub(v16 a, v16 b) { V16_MAP(vsubq_f32(a.val[i], b.val[i])); }
BT_INLINE v16 v16_mul(v16 a, v16 b) { V16_MAP(vmulq_f32(a.val[i], b.val[i])); }
BT_INLINE v16 v16_div(v16 a, v16 b) { V16_MAP(vdivq_f32(a.val[i], b.val[i])); }
BT_INLINE v16 v16_fma(v16 a, v16 b, v16 c) { V16_MAP(vfmaq_f32(c.val[i], a.val[i], b.val[i])); }
/* As x86 has it: the second operand where they are unordered or equal. */
BT_INLINE v16 v16_max(v16 a, v16 b) {
  V16_MAP(vbslq_f32(vcgtq_f32(a.val[i], b.val[i]), a.val[i], b.val[i]));
}
BT_INLINE v16 v16_min(v16 a, v16 b) {
  V16_MAP(vbslq_f32(vcltq_f32(a.val[i], b.val[i]), a.val[i], b.val[i]));
}
BT_INLINE v16 v16_abs(v16 a) { V16_MAP(vabsq_f32(a.val[i])); }
BT_INLINE v16 v16_neg(v16 a) { V16_MAP(vnegq_f32(a.val[i])); }
BT_INLINE v16 v16_rint(v16 a) { V16_MAP(vrndnq_f32(a.val[i])); }
BT_INLINE v16 v16_select_lt(v16 a, v16 b, v16 yes, v16 no) {
  V16_MAP(vbslq_f32(vcltq_f32(a.val[i], b.val[i]), yes.val[i], no.val[i]));
}
BT_INLINE v16 v16_scale2(v16 a, v16 n) {
  V16_MAP(vmulq_f32(a.val[i], vreinterpretq_f32_s32(vshlq_n_s32(
                                  vaddq_s32(vcvtnq_s32_f32(n.val[i]), vdupq_n_s32(127)), 23))));
}
BT_INLINE v16 v16_load_f16(const uint16_t *p) {
  V16_MAP(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
}
BT_INLINE void v16_store_f16(uint16_t *p, v16 a) {
  for (int i = 0; i < 4; i++)
    vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.val[i])));
}
BT_INLINE int32_t v16_store_i8(int8_t *p, v16 a) {
  int32x4_t x[4];
  for (int i = 0; i < 4; i++)
    x[i] = vcvtnq_s32_f32(a.val[i]);
  const int16x8_t low = vcombine_s16(vqmovn_s32(x[0]), vqmovn_s32(x[1]));
  const int16x8_t high = vcombine_s16(vqmovn_s32(x[2]), vqmovn_s32(x[3]));
  vst1q_s8(p, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
  return vaddlvq_s16(low) + vaddlvq_s16(high);
}
BT_INLINE int32_t v16_store_i8_pair(int8_t *p, v16 a, v16 b) {
  return v16_store_i8(p, a) + v16_store_i8(p + 16, b);
}
BT_INLINE float v16_fold_max(v16 a) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.val[0], a.val[1]), vmaxq_f32(a.val[2], a.val[3])));
}
BT_INLINE float v16_first(v16 a) { return vgetq_lane_f32(a.val[0], 0); }
BT_INLINE v16 v16_evens(v16 a) { V16_MAP(vtrn1q_f32(a.val[i], a.val[i])); }
BT_INLINE v16 v16_odds(v16 a) { V16_MAP(vtrn2q_f32(a.val[i], a.val[i])); }
BT_INLINE v16 v16_swap_pairs(v16 a) { V16_MAP(vrev64q_f32(a.val[i])); }
BT_INLINE v16 v16_neg_evens(v16 a) {
  V16_MAP(
      vreinterpretq_f32_u64(veorq_u64(vreinterpretq_u64_f32(a.val[i]), vdupq_n_u64(0x80000000))));
}
#define V16_ROWS 6
#define V16_COLUMNS(rows) ((rows) == 1 ? 4 : (rows) == 2 ? 2 : 1)

/* --- the wire --- */

BT_INLINE v16 v16_load_i8(const int8_t *p) {
  const int8x16_t x = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(x)), high = vmovl_high_s8(x);
  return (v16){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}
BT_INLINE uint16_t f16_amax_32(const uint16_t *p) {
  const uint16x8_t magnitude = vdupq_n_u16(0x7fff);
  uint16x8_t most = vandq_u16(vld1q_u16(p), magnitude);
  for (int i = 8; i < 32; i += 8)
    most = vmaxq_u16(most, vandq_u16(vld1q_u16(p + i), magnitude));
  return vmaxvq_u16(most);
}
BT_INLINE uint64x2_t nh_2(const uint8_t *p, const uint64_t *keys, uint64x2_t sum) {
  const uint64x2_t x = veorq_u64(vreinterpretq_u64_u8(vld1q_u8(p)), vld1q_u64(keys));
  return vmlal_u32(sum, vmovn_u64(x), vshrn_n_u64(x, 32));
}
BT_INLINE uint64_t nh_words(const uint8_t *p, const uint64_t *keys, int64_t n) {
  uint64x2_t a = vdupq_n_u64(0), b = a;
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    a = nh_2(p + i * 8, keys + i, a);
    b = nh_2(p + i * 8 + 16, keys + i + 2, b);
  }
  return vaddvq_u64(vaddq_u64(a, b)) + nh_words_plain(p + i * 8, keys + i, n - i);
}
BT_INLINE uint64x2_t zip_pairs_low(uint32x4_t a, uint32x4_t b) {
  return vreinterpretq_u64_u32(vzip1q_u32(a, b));
}
BT_INLINE uint64x2_t zip_pairs_high(uint32x4_t a, uint32x4_t b) {
  return vreinterpretq_u64_u32(vzip2q_u32(a, b));
}
BT_INLINE void transpose_8(const uint8_t *src, int64_t src_stride, uint8_t *dst,
                           int64_t dst_stride) {
  uint16x8_t r[8];
  uint32x4_t a[8];
  uint64x2_t b[8];
  for (int i = 0; i < 8; i++)
    r[i] = vreinterpretq_u16_u8(vld1q_u8(src + i * src_stride));
  for (int i = 0; i < 8; i += 2) { /* pairs of rows: columns 0-3 and 4-7 */
    a[i] = vreinterpretq_u32_u16(vzip1q_u16(r[i], r[i + 1]));
    a[i + 1] = vreinterpretq_u32_u16(vzip2q_u16(r[i], r[i + 1]));
  }
  for (int i = 0; i < 8; i += 4) { /* four rows: columns 01, 23, 45, 67 */
    b[i] = zip_pairs_low(a[i], a[i + 2]);
    b[i + 1] = zip_pairs_high(a[i], a[i + 2]);
    b[i + 2] = zip_pairs_low(a[i + 1], a[i + 3]);
    b[i + 3] = zip_pairs_high(a[i + 1], a[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    uint8_t *row = dst + 2 * i * dst_stride;
    vst1q_u8(row, vreinterpretq_u8_u64(vzip1q_u64(b[i], b[i + 4])));
    vst1q_u8(row + dst_stride, vreinterpretq_u8_u64(vzip2q_u64(b[i], b[i + 4])));
  }
}
BT_INLINE void transpose_16(const uint8_t *src, int64_t src_stride, uint8_t *dst,
                            int64_t dst_stride) {
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) {
      transpose_8(src + 8 * i * src_stride + 16 * j, src_stride, dst + 8 * j * dst_stride + 16 * i,
                  dst_stride);
    }
  }
}

/* --- rows as lanes --- */

#define LANES 4
#define TILE_TOKENS 5
#define GROUPS_OF(tokens) ((tokens) == 1 ? 8 : (tokens) == 2 ? 4 : 2)
#define Q8_IS_SIGNED 1 /* the dot product is signed times signed */

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vw;
typedef int32x4_t vpart;

BT_INLINE vf vf_zero(void) { return vdupq_n_f32(0); }
BT_INLINE vf vf_set1(float x) { return vdupq_n_f32(x); }
BT_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
BT_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
BT_INLINE vf vf_neg(vf a) { return vnegq_f32(a); }
BT_INLINE vf vf_load(const void *p) { return vld1q_f32(p); }
BT_INLINE void vf_store(float *p, vf a) { vst1q_f32(p, a); }
BT_INLINE vf vf_load_f16(const void *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
BT_INLINE vf vf_load_bf16(const void *p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
BT_INLINE vf vf_from(vi a) { return vcvtq_f32_s32(a); }
BT_INLINE vi vi_set1(int32_t x) { return vdupq_n_s32(x); }
BT_INLINE vi vi_shl(vi a, int n) { return vshlq_s32(a, vdupq_n_s32(n)); }
BT_INLINE vw vw_load(const void *p) { return vld1q_u32(p); }
BT_INLINE void vw_store(void *p, vw a) { vst1q_u32(p, a); }
BT_INLINE vw vw_bytes(const void *p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return vdupq_n_u32(x);
}
BT_INLINE vw vw_and(vw a, uint32_t mask) { return vandq_u32(a, vdupq_n_u32(mask)); }
BT_INLINE vw vw_or(vw a, vw b) { return vorrq_u32(a, b); }
BT_INLINE vw vw_shr(vw a, int n) { return vshlq_u32(a, vdupq_n_s32(-n)); }
BT_INLINE vw vw_shl(vw a, int n) { return vshlq_u32(a, vdupq_n_s32(n)); }
BT_INLINE vi vw_byte(vw a, int i) { return vreinterpretq_s32_u32(vw_and(vw_shr(a, 8 * i), 0xff)); }
BT_INLINE vi vw_signed_byte(vw a, int i) {
  return vshrq_n_s32(vreinterpretq_s32_u32(vw_shl(a, 24 - 8 * i)), 24);
}
BT_INLINE vi vi_dot16(vi sum, vw a, vw b) {
  const int16x8_t x = vreinterpretq_s16_u32(a), y = vreinterpretq_s16_u32(b);
  const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
  return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(x, y)));
}

BT_INLINE vpart part_start(vi sum) { return sum; }
BT_INLINE vpart part_dot(vpart part, vw w, vw x) {
  const int8x16_t a = vreinterpretq_s8_u32(w), b = vreinterpretq_s8_u32(x);
#if defined(BT_ISA_NEON_DOTPROD)
  return vdotq_s32(part, a, b);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  return vpadalq_s16(part, vpaddq_s16(low, vmull_high_s8(a, b)));
#endif
}
BT_INLINE vpart part_dot_q8(vpart part, vw w, vw x) {
  return part_dot(part, veorq_u32(w, vdupq_n_u32(0x80808080u)), x);
}
BT_INLINE vi part_end(vpart part, vi sum) {
  (void)sum;
  return part;
}
