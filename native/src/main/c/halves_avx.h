/* What both x86 levels do with halves for the wire; part of vec_avx2.h and vec_avx512.h. */

/* Columns [0, 8) of 16 rows become 8 rows of 16; rows 0-7 are the low lanes, rows 8-15 the high. */
BT_INLINE void transpose_8_columns(const uint8_t *src, int64_t src_stride, uint8_t *dst,
                                   int64_t dst_stride) {
  __m256i r[8], a[8], b[8];
  for (int i = 0; i < 8; i++) {
    r[i] = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(src + i * src_stride))),
        _mm_loadu_si128((const __m128i *)(src + (i + 8) * src_stride)), 1);
  }
  for (int i = 0; i < 8; i += 2) { /* pairs of rows: columns 0-3 and 4-7 */
    a[i] = _mm256_unpacklo_epi16(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) { /* four rows: columns 01, 23, 45, 67 */
    b[i] = _mm256_unpacklo_epi32(a[i], a[i + 2]);
    b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 2]);
    b[i + 2] = _mm256_unpacklo_epi32(a[i + 1], a[i + 3]);
    b[i + 3] = _mm256_unpackhi_epi32(a[i + 1], a[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    uint8_t *row = dst + 2 * i * dst_stride;
    _mm256_storeu_si256((__m256i *)row, _mm256_unpacklo_epi64(b[i], b[i + 4]));
    _mm256_storeu_si256((__m256i *)(row + dst_stride), _mm256_unpackhi_epi64(b[i], b[i + 4]));
  }
}

BT_INLINE void transpose_16(const uint8_t *src, int64_t src_stride, uint8_t *dst,
                            int64_t dst_stride) {
  transpose_8_columns(src, src_stride, dst, dst_stride);
  transpose_8_columns(src + 16, src_stride, dst + 8 * dst_stride, dst_stride);
}

BT_INLINE uint16_t f16_amax_32(const uint16_t *p) {
  const __m256i magnitude = _mm256_set1_epi16(0x7fff);
  const __m256i a = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)p), magnitude);
  const __m256i b = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + 16)), magnitude);
  const __m256i most = _mm256_max_epu16(a, b);
  const __m128i eight =
      _mm_max_epu16(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  /* there is only an instruction for the least of eight */
  const __m128i least = _mm_minpos_epu16(_mm_xor_si128(eight, _mm_set1_epi16(-1)));
  return (uint16_t)~_mm_cvtsi128_si32(least);
}
