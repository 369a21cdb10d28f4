/*
 * Causal attention over the paged cache, with an online softmax over tiles of 64 keys.
 *
 * For one run of the batch and one KV head, the query rows are (token, head of the group), token by
 * token. A unit of work is BT_ATTENTION_ROWS of them; it goes through the tiles once, and in each
 * tile through its rows in strips of up to STRIP, first with K, then with V. So a tile's K and V
 * come from memory once per unit and from the first-level cache for every strip.
 *
 *   QK   strip (n queries) x 64 keys    s[n][64]     = sum over d of q[n][d] * k[d][64]
 *   PV   strip (n queries) x d          o[n][d]     += sum over j of p[n][j] * v[j][d]
 *
 * K stands transposed in the cache, so keys are lanes in QK and dimensions are lanes in PV, and no
 * sum crosses lanes. Many rows share a copy of the tile in float32; few widen it from f16 as they
 * load it.
 */
#ifndef BATON_ATTENTION_H
#define BATON_ATTENTION_H

#include "exp.h"
#include "kernels.h"
#include "kv.h"
#include "vec.h"

#define STRIP V16_ROWS
static_assert(BT_ATTENTION_ROWS % STRIP == 0, "units are whole strips");

/* Widening a tile once pays for so many rows, of heads whose float32 tile leaves room in the first
 * cache. */
#define WIDE_ROWS (2 * STRIP + 1)
#define WIDE_HEAD_DIM 64

/* The state of one unit's rows. o is (rows, stride), stride being head_dim in whole vectors. */
struct attention_unit {
  const struct bt_attention_args *a;
  const struct bt_run *run;
  int64_t head_dim;
  int64_t kv_head;
  int64_t group; /* query heads of this KV head */
  int64_t first_row;
  int64_t rows;
  int64_t stride;
  float max[BT_ATTENTION_ROWS];
  float rescale[BT_ATTENTION_ROWS]; /* in this tile, of what was before it */
  v16 lanes[BT_ATTENTION_ROWS];
  _Alignas(64) float p[BT_ATTENTION_ROWS][BT_KV_BLOCK]; /* scores in this tile, then p */
  _Alignas(64) float o[BT_ATTENTION_ROWS * BT_HEAD_DIM_MAX];
  _Alignas(64) float wide[BT_KV_BLOCK * BT_HEAD_DIM_MAX]; /* K, then V, of this tile */
};

static inline int64_t row_offset(const struct attention_unit *u, int64_t row) {
  const int64_t token = (u->first_row + row) / u->group;
  const int64_t head = u->kv_head * u->group + (u->first_row + row) % u->group;
  return ((u->run->first_row + token) * u->a->layer->heads + head) * u->head_dim;
}

/* Absolute position of a row's token: the last key that it sees. */
static inline int64_t row_position(const struct attention_unit *u, int64_t row) {
  return u->run->first_position + (u->first_row + row) / u->group;
}

/* Keys [first_key, first_key + 64) of a KV head: K is (head_dim, 64), V is (64, head_dim). */
struct kv_tile {
  int64_t first_key;
  const uint16_t *k;
  const uint16_t *v;
  const uint16_t *next_k; /* of the tile that comes next, to fetch to the first cache */
  const uint16_t *next_v;
  const uint16_t *later_k; /* of the one after it, to the second */
  const uint16_t *later_v;
};

/* 16 values from element i on, float32 or f16. */
BT_INLINE v16 load_any(const int is_wide, const void *p, int64_t i) {
  return is_wide ? v16_load((const float *)p + i) : v16_load_f16((const uint16_t *)p + i);
}

/* Asks for `width` vectors of halves. */
BT_INLINE void fetch_halves(const int width, const uint16_t *next, const uint16_t *later) {
  for (int w = 0; w < width; w += 2) {
    __builtin_prefetch(next + 16 * w, 0, 3);
    __builtin_prefetch(later + 16 * w, 0, 2);
  }
}

/* s[i][64] of n queries. */
BT_INLINE void qk_strip(const float *const *q, const int n, const int is_wide,
                        const struct kv_tile *tile, const void *k, int64_t head_dim, float scale,
                        float (*s)[BT_KV_BLOCK]) {
  enum { KEYS = BT_KV_BLOCK / 16 };
  const int width = V16_COLUMNS(n);
  int64_t ahead = 0; /* goes through the tiles to come in the order of their lines */
  for (int first = 0; first < KEYS; first += width) {
    int64_t at = 16 * first;
    v16 acc[STRIP][KEYS];
    for (int i = 0; i < n; i++) {
      for (int w = 0; w < width; w++)
        acc[i][w] = v16_zero();
    }
    for (int64_t d = 0; d < head_dim; d++, at += BT_KV_BLOCK, ahead += 16 * width) {
      v16 key[KEYS];
      for (int w = 0; w < width; w++)
        key[w] = load_any(is_wide, k, at + 16 * w);
      if (!is_wide)
        fetch_halves(width, tile->next_k + ahead, tile->later_k + ahead);
      for (int i = 0; i < n; i++) {
        const v16 query = v16_set1(q[i][d]);
        for (int w = 0; w < width; w++)
          acc[i][w] = v16_fma(query, key[w], acc[i][w]);
      }
    }
    for (int i = 0; i < n; i++) {
      for (int w = 0; w < width; w++)
        v16_store(s[i] + 16 * (first + w), v16_mul(acc[i][w], v16_set1(scale)));
    }
  }
}

/* `width` vectors of n rows of o, those of dimensions from d on. */
BT_INLINE void pv_columns(struct attention_unit *u, int64_t row, const int n, const int width,
                          const int is_wide, const struct kv_tile *tile, int64_t keys, int64_t d) {
  const void *v = is_wide ? (const void *)u->wide : tile->v;
  int64_t ahead = d * BT_KV_BLOCK;
  float *o = u->o + row * u->stride + d;
  int64_t at = d;
  v16 acc[STRIP][4];
  for (int i = 0; i < n; i++) {
    for (int w = 0; w < width; w++) {
      acc[i][w] = v16_mul(v16_load(o + i * u->stride + 16 * w), v16_set1(u->rescale[row + i]));
    }
  }
  for (int64_t j = 0; j < keys; j++, at += u->stride, ahead += 16 * width) {
    v16 value[4];
    for (int w = 0; w < width; w++)
      value[w] = load_any(is_wide, v, at + 16 * w);
    if (!is_wide)
      fetch_halves(width, tile->next_v + ahead, tile->later_v + ahead);
    for (int i = 0; i < n; i++) {
      const v16 weight = v16_set1(u->p[row + i][j]);
      for (int w = 0; w < width; w++)
        acc[i][w] = v16_fma(weight, value[w], acc[i][w]);
    }
  }
  for (int i = 0; i < n; i++) {
    for (int w = 0; w < width; w++)
      v16_store(o + i * u->stride + 16 * w, acc[i][w]);
  }
}

/* Turns one row's scores into p; keys from `keys` on are masked. Returns the factor for what was
 * before. */
BT_INLINE float softmax_tile(float *s, int64_t keys, float *max, v16 *lanes) {
  for (int64_t j = keys > 0 ? keys : 0; j < BT_KV_BLOCK; j++)
    s[j] = -INFINITY;
  const v16 s0 = v16_load(s), s1 = v16_load(s + 16), s2 = v16_load(s + 32), s3 = v16_load(s + 48);
  const float greatest = v16_fold_max(v16_max(v16_max(s0, s1), v16_max(s2, s3)));
  const float before = *max;
  *max = greatest > before ? greatest : before;
  const v16 m = v16_set1(*max);
  const v16 rescale = v16_exp(v16_sub(v16_set1(before), m));
  const v16 p0 = v16_exp(v16_sub(s0, m)), p1 = v16_exp(v16_sub(s1, m));
  const v16 p2 = v16_exp(v16_sub(s2, m)), p3 = v16_exp(v16_sub(s3, m));
  *lanes = v16_fma(*lanes, rescale, v16_add(v16_add(p0, p1), v16_add(p2, p3)));
  v16_store(s, p0);
  v16_store(s + 16, p1);
  v16_store(s + 32, p2);
  v16_store(s + 48, p3);
  return v16_first(rescale);
}

/* Keys of a tile that a row sees. */
static inline int64_t keys_of(const struct attention_unit *u, int64_t row,
                              const struct kv_tile *tile) {
  const int64_t seen = row_position(u, row) + 1 - tile->first_key;
  return seen < BT_KV_BLOCK ? seen : BT_KV_BLOCK;
}

/* p of n rows from `row` on. */
BT_INLINE void strip_scores(struct attention_unit *u, int64_t row, const int n, const int is_wide,
                            const struct kv_tile *tile) {
  const float *q[STRIP];
  for (int i = 0; i < n; i++)
    q[i] = u->a->q + row_offset(u, row + i);
  const void *k = is_wide ? (const void *)u->wide : tile->k;
  qk_strip(q, n, is_wide, tile, k, u->head_dim, u->a->layer->scale, u->p + row);
  for (int64_t r = row; r < row + n; r++) {
    u->rescale[r] = softmax_tile(u->p[r], keys_of(u, r, tile), &u->max[r], &u->lanes[r]);
  }
}

/* o of n rows from `row` on. */
BT_INLINE void strip_values(struct attention_unit *u, int64_t row, const int n, const int is_wide,
                            const struct kv_tile *tile) {
  const int64_t keys = keys_of(u, row + n - 1, tile); /* behind them p is zero for all n */
  const int width = V16_COLUMNS(n);
  int64_t d = 0;
  for (; d + 16 * width <= u->stride; d += 16 * width)
    pv_columns(u, row, n, width, is_wide, tile, keys, d);
  for (; d < u->stride; d += 16)
    pv_columns(u, row, n, 1, is_wide, tile, keys, d);
}

typedef void (*strip_fn)(struct attention_unit *u, int64_t row, const struct kv_tile *tile);

#define DEFINE_STRIP(n)                                                                            \
  static void scores_##n(struct attention_unit *u, int64_t row, const struct kv_tile *tile) {      \
    strip_scores(u, row, n, 0, tile);                                                              \
  }                                                                                                \
  static void values_##n(struct attention_unit *u, int64_t row, const struct kv_tile *tile) {      \
    strip_values(u, row, n, 0, tile);                                                              \
  }                                                                                                \
  static void wide_scores_##n(struct attention_unit *u, int64_t row, const struct kv_tile *tile) { \
    strip_scores(u, row, n, 1, tile);                                                              \
  }                                                                                                \
  static void wide_values_##n(struct attention_unit *u, int64_t row, const struct kv_tile *tile) { \
    strip_values(u, row, n, 1, tile);                                                              \
  }

DEFINE_STRIP(1)
#if STRIP > 1
DEFINE_STRIP(2)
DEFINE_STRIP(3)
DEFINE_STRIP(4)
DEFINE_STRIP(5)
DEFINE_STRIP(6)
#define STRIPS(name)                                                                               \
  { name##_1, name##_2, name##_3, name##_4, name##_5, name##_6 }
#else
#define STRIPS(name)                                                                               \
  { name##_1 }
#endif

/* Strips of about the same size, but for those that see nothing of the tile. */
static void unit_strips(struct attention_unit *u, const struct kv_tile *tile,
                        const strip_fn of_rows[STRIP]) {
  const int64_t strips = (u->rows + STRIP - 1) / STRIP;
  for (int64_t i = 0; i < strips; i++) {
    const int64_t row = u->rows * i / strips;
    const int64_t n = u->rows * (i + 1) / strips - row;
    if (row_position(u, row + n - 1) >= tile->first_key)
      of_rows[n - 1](u, row, tile);
  }
}

/* A plane of `rows` rows of n values as float32, with zeros up to a stride of whole vectors; and
 * the next tile's plane asked for on the way. */
static void widen(const uint16_t *plane, const uint16_t *next, int64_t rows, int64_t n,
                  float *wide) {
  const int64_t whole = n / 16 * 16;
  for (int64_t r = 0; r < rows; r++, plane += n, next += n) {
    for (int64_t d = 0; d < whole; d += 16, wide += 16) {
      __builtin_prefetch(next + d, 0, 2);
      v16_store(wide, v16_load_f16(plane + d));
    }
    if (whole < n) {
      uint16_t rest[16] = {0};
      memcpy(rest, plane + whole, (size_t)(n - whole) * sizeof *rest);
      v16_store(wide, v16_load_f16(rest));
      wide += 16;
    }
  }
}

static void unit_tile(struct attention_unit *u, const struct kv_tile *tile) {
  static const strip_fn scores[STRIP] = STRIPS(scores), values[STRIP] = STRIPS(values);
  static const strip_fn wide_scores[STRIP] = STRIPS(wide_scores);
  static const strip_fn wide_values[STRIP] = STRIPS(wide_values);
  const int64_t head_dim = u->head_dim;
  const int is_wide = u->rows >= WIDE_ROWS && head_dim <= WIDE_HEAD_DIM;
  if (is_wide)
    widen(tile->k, tile->next_k, head_dim, BT_KV_BLOCK, u->wide);
  unit_strips(u, tile, is_wide ? wide_scores : scores);
  if (is_wide || u->stride != head_dim) {
    widen(tile->v, tile->next_v, BT_KV_BLOCK, head_dim, u->wide);
    unit_strips(u, tile, wide_values);
  } else {
    unit_strips(u, tile, values);
  }
}

static void unit_finish(const struct attention_unit *u) {
  const int64_t head_dim = u->head_dim;
  for (int64_t row = 0; row < u->rows; row++) {
    const v16 inverse = v16_set1(1.0f / v16_fold_add(u->lanes[row]));
    const float *o = u->o + row * u->stride;
    float *y = u->a->y + row_offset(u, row);
    for (int64_t d = 0; d < head_dim; d += 16) {
      const v16 out = v16_add(v16_mul(v16_load(o + d), inverse), v16_zero());
      if (head_dim - d >= 16) {
        v16_store(y + d, out);
      } else {
        v16_store_n(y + d, out, (int)(head_dim - d));
      }
    }
  }
}

static void attention_unit(const struct bt_attention_args *a, const struct bt_run *run,
                           int64_t kv_head, int64_t first_row) {
  struct attention_unit u;
  const struct bt_kv kv = bt_kv_of(a->pool, a->layer, run);
  u.a = a;
  u.run = run;
  u.head_dim = kv.head_dim;
  u.kv_head = kv_head;
  u.group = a->layer->heads / kv.kv_heads;
  u.first_row = first_row;
  const int64_t rows = run->tokens * u.group - first_row;
  u.rows = rows < BT_ATTENTION_ROWS ? rows : BT_ATTENTION_ROWS;
  u.stride = (kv.head_dim + 15) / 16 * 16;
  for (int64_t row = 0; row < u.rows; row++) {
    u.max[row] = -INFINITY;
    u.lanes[row] = v16_zero();
  }
  memset(u.o, 0, (size_t)(u.rows * u.stride) * sizeof *u.o);
  const int64_t last_key = row_position(&u, u.rows - 1);
  const int64_t v_offset = BT_KV_BLOCK * kv.head_dim;
  for (int64_t first_key = 0; first_key <= last_key; first_key += BT_KV_BLOCK) {
    const uint16_t *planes[3]; /* K of this tile and of the two that come next, or this one again */
    for (int i = 0; i < 3; i++) {
      const int64_t key = first_key + i * BT_KV_BLOCK;
      planes[i] = k_plane(&kv, kv_head, key <= last_key ? key : first_key);
    }
    const struct kv_tile tile = {.first_key = first_key,
                                 .k = planes[0],
                                 .v = planes[0] + v_offset,
                                 .next_k = planes[1],
                                 .next_v = planes[1] + v_offset,
                                 .later_k = planes[2],
                                 .later_v = planes[2] + v_offset};
    unit_tile(&u, &tile);
  }
  unit_finish(&u);
}

static void attention(const void *args, int64_t begin, int64_t end) {
  const struct bt_attention_args *a = args;
  const int64_t kv_heads = a->layer->kv_heads;
  const struct bt_turn *turn = bt_turn_of(a->runs, begin);
  for (int64_t unit = begin; unit < end; unit++) {
    turn += turn[1].first_unit == unit;
    const int64_t kv_head = (unit - turn->first_unit) % kv_heads;
    const int64_t behind = (turn[1].first_unit - 1 - unit) / kv_heads; /* most keys come first */
    attention_unit(a, a->runs->runs + turn->run, kv_head, behind * BT_ATTENTION_ROWS);
  }
}

#endif
