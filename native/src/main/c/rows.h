/*
 * Operations on rows of floats: RMSNorm and SwiGLU, which also quantise what they write, RoPE, and
 * maxima. Units are rows, or runs of them.
 */
#ifndef BATON_ROWS_H
#define BATON_ROWS_H

#include "exp.h"
#include "kernels.h"
#include "quantize.h"
#include "vec.h"

/* What a row is to be multiplied with, its weights aside. */
static float rms_norm_scale(const float *x, float eps, int64_t cols) {
  const int64_t whole = cols / 16 * 16;
  v16 squares = v16_zero();
  for (int64_t i = 0; i < whole; i += 16) {
    const v16 v = v16_load(x + i);
    squares = v16_fma(v, v, squares);
  }
  const v16 tail = v16_load_n(x + whole, (int)(cols - whole));
  squares = v16_fma(tail, tail, squares); /* adds +0 where there is no element */
  return 1.0f / sqrtf(v16_fold_add(squares) / (float)cols + eps);
}

BT_INLINE v16 scaled(v16 x, float scale, v16 weight) {
  return v16_mul(v16_mul(x, v16_set1(scale)), weight);
}

static void rms_norm_columns(const float *x, float scale, const float *weight, int64_t n,
                             float *y) {
  const int64_t whole = n / 16 * 16;
  const int rest = (int)(n - whole);
  for (int64_t i = 0; i < whole; i += 16)
    v16_store(y + i, scaled(v16_load(x + i), scale, v16_load(weight + i)));
  const v16 tail = scaled(v16_load_n(x + whole, rest), scale, v16_load_n(weight + whole, rest));
  v16_store_n(y + whole, tail, rest);
}

static void rms_norm(const void *args, int64_t begin, int64_t end) {
  const struct bt_rms_norm_args *a = args;
  const int64_t cols = a->y.cols;
  _Alignas(64) float scratch[COLUMNS];
  for (int64_t t = begin; t < end; t++) {
    const float *x = a->x + t * cols;
    const float scale = rms_norm_scale(x, a->eps, cols);
    for (int64_t from = 0; from < cols; from += COLUMNS) {
      const int64_t n = cols - from < COLUMNS ? cols - from : COLUMNS;
      float *y = columns_of(&a->y, t, from, scratch);
      rms_norm_columns(x + from, scale, a->weight + from, n, y);
      quantize_columns(&a->y, y, t, from, from + n);
    }
  }
}

static void swiglu_columns(const float *gate, const float *up, int64_t n, float *y) {
  const int64_t whole = n / 16 * 16;
  const int rest = (int)(n - whole);
  for (int64_t i = 0; i < whole; i += 16) {
    v16_store(y + i, v16_mul(v16_silu(v16_load(gate + i)), v16_load(up + i)));
  }
  const v16 tail = v16_mul(v16_silu(v16_load_n(gate + whole, rest)), v16_load_n(up + whole, rest));
  v16_store_n(y + whole, tail, rest);
}

static void swiglu(const void *args, int64_t begin, int64_t end) {
  const struct bt_swiglu_args *a = args;
  const int64_t cols = a->y.cols;
  _Alignas(64) float scratch[COLUMNS];
  for (int64_t t = begin; t < end; t++) {
    for (int64_t from = 0; from < cols; from += COLUMNS) {
      const int64_t n = cols - from < COLUMNS ? cols - from : COLUMNS;
      const int64_t at = t * cols + from;
      float *y = columns_of(&a->y, t, from, scratch);
      swiglu_columns(a->gate + at, a->up + at, n, y);
      quantize_columns(&a->y, y, t, from, from + n);
    }
  }
}

/* [a b ..] by [cos sin ..]: a' = fma(a, cos, -(b * sin)), b' = fma(a, sin, b * cos). */
BT_INLINE v16 rotate(v16 x, v16 angles) {
  const v16 by_b = v16_mul(v16_odds(x), v16_swap_pairs(angles)); /* b * sin, b * cos */
  return v16_fma(v16_evens(x), angles, v16_neg_evens(by_b));
}

static void rope(const void *args, int64_t begin, int64_t end) {
  const struct bt_rope_args *a = args;
  const int64_t rotated = 2 * a->pairs; /* floats of a head */
  const int64_t whole = rotated / 16 * 16;
  const int rest = (int)(rotated - whole);
  const struct bt_turn *turn = bt_turn_of(a->runs, begin);
  for (int64_t unit = begin; unit < end; unit++) {
    turn += turn[1].first_unit == unit;
    const struct bt_run *run = a->runs->runs + turn->run;
    const int64_t t = unit - turn->first_unit;
    const float *angles = a->table + (run->first_position + t) * rotated;
    for (int64_t head = 0; head < a->heads; head++) {
      float *x = a->x + ((run->first_row + t) * a->heads + head) * a->head_dim;
      for (int64_t i = 0; i < whole; i += 16) {
        v16_store(x + i, rotate(v16_load(x + i), v16_load(angles + i)));
      }
      if (rest > 0) {
        const v16 tail = rotate(v16_load_n(x + whole, rest), v16_load_n(angles + whole, rest));
        v16_store_n(x + whole, tail, rest);
      }
    }
  }
}

/* The greater of each lane; infinity where x is no number. */
BT_INLINE v16 greater(v16 x, v16 most) {
  const v16 infinity = v16_set1(INFINITY);
  return v16_max(v16_select_lt(x, infinity, x, infinity), most);
}

/* The greatest of n values, 1 at least; 0 where that is -0. */
BT_INLINE float maximum_of(const float *x, int64_t n) {
  const int64_t whole = n / 16 * 16;
  v16 most = v16_set1(-INFINITY);
  for (int64_t i = 0; i < whole; i += 16)
    most = greater(v16_load(x + i), most);
  float greatest = v16_fold_max(most);
  for (int64_t i = whole; i < n; i++) {
    const float value = x[i] < INFINITY ? x[i] : INFINITY;
    greatest = value > greatest ? value : greatest;
  }
  return greatest + 0.0f;
}

static void maxima(const void *args, int64_t begin, int64_t end) {
  const struct bt_maxima_args *a = args;
  const int64_t units = bt_maxima_units(a->maxima);
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row = unit / units;
    const int64_t first = unit % units * BT_MAXIMA_UNIT;
    const int64_t behind = first + BT_MAXIMA_UNIT < a->maxima ? first + BT_MAXIMA_UNIT : a->maxima;
    for (int64_t i = first; i < behind; i++) {
      const int64_t left = a->cols - i * BT_MAXIMA_RUN;
      const float *x = a->x + row * a->cols + i * BT_MAXIMA_RUN;
      a->out[row * a->maxima + i] =
          left < BT_MAXIMA_RUN ? maximum_of(x, left) : maximum_of(x, BT_MAXIMA_RUN);
    }
  }
}

#endif
