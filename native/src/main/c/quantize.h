/*
 * Quantising rows of activations. The operations that write rows do so as they write them.
 *
 * Per block of 32 or 256: d = amax / 127, q = x * (127 / amax) rounded to nearest even, and zeros
 * where amax is below 2^-100.
 */
#ifndef BATON_QUANTIZE_H
#define BATON_QUANTIZE_H

#include "kernels.h"
#include "vec.h"

#define QUANT_MIN 0x1p-100f

/* Quantises n values, a multiple of 32; sums[i] is the sum of bytes [16 i, 16 i + 16). */
BT_INLINE float quantize_run(const float *x, int n, int8_t *q, int32_t *sums) {
  v16 most = v16_zero();
  for (int i = 0; i < n; i += 16)
    most = v16_max(v16_abs(v16_load(x + i)), most);
  const float amax = v16_fold_max(most);
  const v16 inverse = v16_set1(amax >= QUANT_MIN ? 127.0f / amax : 0.0f);
  for (int i = 0; i < n; i += 16)
    sums[i / 16] = v16_store_i8(q + i, v16_mul(v16_load(x + i), inverse));
  return amax / 127.0f;
}

static void quantize_block_32(const float *x, struct bt_q8_32 *block) {
  const v16 a = v16_load(x), b = v16_load(x + 16);
  const float amax = v16_fold_max(v16_max(v16_abs(b), v16_max(v16_abs(a), v16_zero())));
  const v16 inverse = v16_set1(amax >= QUANT_MIN ? 127.0f / amax : 0.0f);
  const int32_t sum = v16_store_i8_pair(block->q, v16_mul(a, inverse), v16_mul(b, inverse));
  block->d = amax / 127.0f;
  block->minus_sum = -sum;
  block->d_sum = block->d * (float)sum;
  block->zero = 0;
}

static void quantize_block_256(const float *x, struct bt_q8_256 *block) {
  static const uint8_t pair_order[8] = {0, 2, 1, 3, 4, 6, 5, 7};
  int32_t sums[16];
  block->d = quantize_run(x, 256, block->q, sums);
  for (int i = 0; i < 16; i++)
    block->minus_32_sum[i] = -32 * sums[i];
  for (int i = 0; i < 8; i++) {
    const int j = pair_order[i];
    block->sums[i] = (int16_t)(sums[2 * j] + sums[2 * j + 1]);
  }
  memset(block->zero, 0, sizeof block->zero);
}

/* Quantises columns [from, to) of row `row`, which stand at x, into the forms that y has; both ends
 * are whole blocks of them. */
static void quantize_columns(const struct bt_rows *y, const float *x, int64_t row, int64_t from,
                             int64_t to) {
  if (y->q32) {
    struct bt_q8_32 *blocks = y->q32 + row * (y->cols / 32);
    for (int64_t i = from / 32; i < to / 32; i++)
      quantize_block_32(x + i * 32 - from, blocks + i);
  }
  if (y->q256) {
    struct bt_q8_256 *blocks = y->q256 + row * (y->cols / 256);
    for (int64_t i = from / 256; i < to / 256; i++)
      quantize_block_256(x + i * 256 - from, blocks + i);
  }
}

/* Columns that an operation writes and quantises at a time: whole blocks of each form. */
#define COLUMNS 256

/* Where columns from `from` on of a row are to be written: to its float32 row, or where none is
 * wanted to `scratch`. So what only quantised rows are read of stays in the first cache. */
static float *columns_of(const struct bt_rows *y, int64_t row, int64_t from, float *scratch) {
  return y->f32 ? y->f32 + row * y->cols + from : scratch;
}

static void quantize(const void *arg, int64_t begin, int64_t end) {
  const struct bt_quantize_args *args = arg;
  for (int64_t row = begin; row < end; row++)
    quantize_columns(&args->y, args->y.f32 + row * args->y.cols, row, 0, args->y.cols);
}

#endif
