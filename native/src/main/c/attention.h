/*
 * Causal attention over the paged cache, with an online softmax over tiles of 64 keys.
 *
 * For one KV head, its query rows are (token, head of the group), token by token. A unit of work is
 * a run of BT_ATTENTION_ROWS of them; it goes through the tiles once, and in each tile through its
 * rows in strips of up to STRIP, so a tile's K and V come from memory once per unit and from the
 * first-level cache for every strip.
 *
 *   QK   strip (n queries) x 64 keys    s[n][64]     = sum over d of q[n][d] * k[d][64]
 *   PV   strip (n queries) x d          o[n][d]     += sum over j of p[n][j] * v[j][d]
 *
 * K stands transposed in the cache, so keys are lanes in QK and dimensions are lanes in PV, and no
 * sum crosses lanes. Both are widened from f16 as they are loaded.
 */
#ifndef BATON_ATTENTION_H
#define BATON_ATTENTION_H

#include "exp.h"
#include "kernels.h"
#include "kv.h"
#include "vec.h"

#define STRIP V16_ROWS
static_assert(BT_ATTENTION_ROWS % STRIP == 0, "units are whole strips");

/* The state of one unit's rows. o is (rows, stride), stride being head_dim in whole vectors. */
struct attention_unit {
  const struct bt_attention_args *a;
  int64_t kv_head;
  int64_t group; /* query heads of this KV head */
  int64_t first_row;
  int64_t rows;
  int64_t stride;
  float max[BT_ATTENTION_ROWS];
  v16 lanes[BT_ATTENTION_ROWS];
  float o[BT_ATTENTION_ROWS * BT_HEAD_DIM_MAX];
};

static inline int64_t row_offset(const struct attention_unit *u, int64_t row) {
  const int64_t token = (u->first_row + row) / u->group;
  const int64_t head = u->kv_head * u->group + (u->first_row + row) % u->group;
  return (token * u->a->heads + head) * u->a->kv.head_dim;
}

/* Absolute position of a row's token: the last key that it sees. */
static inline int64_t row_position(const struct attention_unit *u, int64_t row) {
  return u->a->first_token + (u->first_row + row) / u->group;
}

/* Keys [first_key, first_key + 64) of a KV head: K is (head_dim, 64), V is (64, v_stride). */
struct kv_tile {
  int64_t first_key;
  const uint16_t *k;
  const uint16_t *v;
  int64_t v_stride;
  const uint16_t *next_k; /* of the tile that comes next, to prefetch */
  const uint16_t *next_v;
};

/* s[i][64] of n queries. */
BT_INLINE void qk_strip(const float *const *q, const int n, const struct kv_tile *tile,
                        int64_t head_dim, float scale, float (*s)[BT_KV_BLOCK]) {
  enum { KEYS = BT_KV_BLOCK / 16 };
  const int width = V16_COLUMNS(n);
  const uint16_t *ahead =
      tile->next_k; /* goes through the next tile evenly, in the order of its lines */
  for (int first = 0; first < KEYS; first += width) {
    const uint16_t *k = tile->k + 16 * first;
    v16 acc[STRIP][KEYS];
    for (int i = 0; i < n; i++) {
      for (int w = 0; w < width; w++)
        acc[i][w] = v16_zero();
    }
    for (int64_t d = 0; d < head_dim; d++, k += BT_KV_BLOCK, ahead += 16 * width) {
      v16 key[KEYS];
      for (int w = 0; w < width; w++)
        key[w] = v16_load_f16(k + 16 * w);
      for (int w = 0; w < width; w += 2)
        __builtin_prefetch(ahead + 16 * w);
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
BT_INLINE void pv_columns(const float (*p)[BT_KV_BLOCK], const float *rescale, const int n,
                          const int width, const struct kv_tile *tile, int64_t keys, int64_t d,
                          float *o, int64_t o_stride) {
  const uint16_t *v = tile->v + d;
  const uint16_t *ahead = tile->next_v + d * BT_KV_BLOCK;
  v16 acc[STRIP][4];
  for (int i = 0; i < n; i++) {
    for (int w = 0; w < width; w++) {
      acc[i][w] = v16_mul(v16_load(o + i * o_stride + d + 16 * w), v16_set1(rescale[i]));
    }
  }
  for (int64_t j = 0; j < keys; j++, v += tile->v_stride, ahead += 16 * width) {
    v16 value[4];
    for (int w = 0; w < width; w++)
      value[w] = v16_load_f16(v + 16 * w);
    for (int w = 0; w < width; w += 2)
      __builtin_prefetch(ahead + 16 * w);
    for (int i = 0; i < n; i++) {
      const v16 weight = v16_set1(p[i][j]);
      for (int w = 0; w < width; w++)
        acc[i][w] = v16_fma(weight, value[w], acc[i][w]);
    }
  }
  for (int i = 0; i < n; i++) {
    for (int w = 0; w < width; w++)
      v16_store(o + i * o_stride + d + 16 * w, acc[i][w]);
  }
}

BT_INLINE void pv_strip(const float (*p)[BT_KV_BLOCK], const float *rescale, const int n,
                        const struct kv_tile *tile, int64_t keys, float *o, int64_t o_stride) {
  const int width = V16_COLUMNS(n);
  int64_t d = 0;
  for (; d + 16 * width <= o_stride; d += 16 * width) {
    pv_columns(p, rescale, n, width, tile, keys, d, o, o_stride);
  }
  for (; d < o_stride; d += 16) {
    pv_columns(p, rescale, n, 1, tile, keys, d, o, o_stride);
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

/* n rows from `row` on over one tile. */
BT_INLINE void strip_tile(struct attention_unit *u, int64_t row, const int n,
                          const struct kv_tile *tile) {
  const float *q[STRIP];
  _Alignas(64) float s[STRIP][BT_KV_BLOCK];
  float rescale[STRIP];
  int64_t keys = 0; /* behind it p is zero for all n */
  for (int i = 0; i < n; i++)
    q[i] = u->a->q + row_offset(u, row + i);
  qk_strip(q, n, tile, u->a->kv.head_dim, u->a->scale, s);
  for (int i = 0; i < n; i++) {
    const int64_t seen = row_position(u, row + i) + 1 - tile->first_key;
    keys = seen < BT_KV_BLOCK ? seen : BT_KV_BLOCK;
    rescale[i] = softmax_tile(s[i], keys, &u->max[row + i], &u->lanes[row + i]);
  }
  pv_strip((const float(*)[BT_KV_BLOCK])s, rescale, n, tile, keys, u->o + row * u->stride,
           u->stride);
}

static void unit_tile(struct attention_unit *u, const struct kv_tile *tile) {
  for (int64_t row = 0; row < u->rows; row += STRIP) {
    const int64_t n = u->rows - row < STRIP ? u->rows - row : STRIP;
    if (row_position(u, row + n - 1) < tile->first_key)
      continue;
    switch (n) {
    case 1:
      strip_tile(u, row, 1, tile);
      break;
#if STRIP > 1
    case 2:
      strip_tile(u, row, 2, tile);
      break;
    case 3:
      strip_tile(u, row, 3, tile);
      break;
    case 4:
      strip_tile(u, row, 4, tile);
      break;
    case 5:
      strip_tile(u, row, 5, tile);
      break;
    default:
      strip_tile(u, row, 6, tile);
      break;
#endif
    }
  }
}

/* V rows of a head dimension that is no whole number of vectors, set apart with zeros behind each.
 */
static void pad_values(const uint16_t *v, int64_t head_dim, int64_t stride, uint16_t *padded) {
  for (int64_t j = 0; j < BT_KV_BLOCK; j++) {
    memcpy(padded + j * stride, v + j * head_dim, (size_t)head_dim * sizeof *v);
    memset(padded + j * stride + head_dim, 0, (size_t)(stride - head_dim) * sizeof *v);
  }
}

static void unit_finish(const struct attention_unit *u) {
  const int64_t head_dim = u->a->kv.head_dim;
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

static void attention_unit(const struct bt_attention_args *a, int64_t kv_head, int64_t first_row) {
  struct attention_unit u;
  _Alignas(64) uint16_t padded[BT_KV_BLOCK * BT_HEAD_DIM_MAX];
  const struct bt_kv *kv = &a->kv;
  u.a = a;
  u.kv_head = kv_head;
  u.group = a->heads / kv->kv_heads;
  u.first_row = first_row;
  const int64_t rows = a->tokens * u.group - first_row;
  u.rows = rows < BT_ATTENTION_ROWS ? rows : BT_ATTENTION_ROWS;
  u.stride = (kv->head_dim + 15) / 16 * 16;
  for (int64_t row = 0; row < u.rows; row++) {
    u.max[row] = -INFINITY;
    u.lanes[row] = v16_zero();
  }
  memset(u.o, 0, (size_t)(u.rows * u.stride) * sizeof *u.o);
  const int64_t last_key = row_position(&u, u.rows - 1);
  const int64_t v_offset = BT_KV_BLOCK * kv->head_dim;
  for (int64_t first_key = 0; first_key <= last_key; first_key += BT_KV_BLOCK) {
    const uint16_t *k = k_plane(kv, kv_head, first_key);
    const uint16_t *next =
        first_key + BT_KV_BLOCK <= last_key ? k_plane(kv, kv_head, first_key + BT_KV_BLOCK) : k;
    struct kv_tile tile = {.first_key = first_key,
                           .k = k,
                           .v = k + v_offset,
                           .v_stride = u.stride,
                           .next_k = next,
                           .next_v = next + v_offset};
    if (u.stride != kv->head_dim) {
      pad_values(tile.v, kv->head_dim, u.stride, padded);
      tile.v = padded;
    }
    unit_tile(&u, &tile);
  }
  unit_finish(&u);
}

/* Units in the order that gives the ones with the most keys out first. */
static void attention(const void *args, int part, int parts) {
  const struct bt_attention_args *a = args;
  const int64_t per_head = bt_attention_units(a) / a->kv.kv_heads;
  int64_t begin, end;
  bt_share(bt_attention_units(a), part, parts, &begin, &end);
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t run = per_head - 1 - unit / a->kv.kv_heads;
    attention_unit(a, unit % a->kv.kv_heads, run * BT_ATTENTION_ROWS);
  }
}

#endif
