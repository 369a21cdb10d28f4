/* The transpose of 16 x 16 halves that both x86 levels use (vec_avx2.h, vec_avx512.h). */

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
