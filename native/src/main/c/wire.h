/*
 * KV out of the cache in wire form, and back: [token][kv head][d], K of all tokens, then V.
 *
 *   BT_WIRE_F16   the halves as they are
 *   BT_WIRE_Q8    runs of 32 values: an f16 scale d = amax / 127, then 32 bytes rint(x * (1 / d))
 *
 * K goes through tiles of 16 dimensions by 16 tokens, which are turned on their way. Everything
 * runs on the caller's thread: the pool is busy with computing when a slice leaves or arrives.
 */
#ifndef BATON_WIRE_H
#define BATON_WIRE_H

#include "digest.h"
#include "kv.h"

#define TILE 16

/* A run of tokens of one block and one head: where its rows stand in the cache and on the wire. */
struct wire_run {
  uint16_t *k; /* K plane of the head */
  uint16_t *v; /* V row of the first token */
  int64_t head_dim;
  int64_t slot; /* of the first token */
  int64_t tokens;
  uint8_t *wire_k; /* of the first token */
  uint8_t *wire_v;
  int64_t row_bytes; /* from one token's row on the wire to the next */
};

/* Calls `copy` for each head and each run of tokens that stands in one block. */
static inline void each_wire_run(const struct bt_wire_args *a,
                                 void (*copy)(const struct wire_run *run)) {
  const struct bt_kv *kv = &a->kv;
  const int64_t head_bytes = a->row_bytes / kv->kv_heads;
  for (int64_t t = 0; t < a->tokens;) {
    const int64_t token = a->first_token + t;
    const int64_t slot = token % BT_KV_BLOCK;
    const int64_t room = BT_KV_BLOCK - slot;
    const int64_t tokens = a->tokens - t < room ? a->tokens - t : room;
    for (int64_t head = 0; head < kv->kv_heads; head++) {
      uint16_t *plane = k_plane(kv, head, token);
      uint8_t *k = a->wire + t * a->row_bytes + head * head_bytes;
      const struct wire_run run = {.k = plane,
                                   .v = v_row(kv, plane, token),
                                   .head_dim = kv->head_dim,
                                   .slot = slot,
                                   .tokens = tokens,
                                   .wire_k = k,
                                   .wire_v = k + a->tokens * a->row_bytes,
                                   .row_bytes = a->row_bytes};
      copy(&run);
    }
    t += tokens;
  }
}

/* n <= 16 halves, which a copy of variable length would call a function for. */
BT_INLINE void copy_halves(uint16_t *dst, const uint16_t *src, int64_t n) {
  for (int64_t width = TILE; width; width /= 2) {
    if (n & width) {
      memcpy(dst, src, (size_t)width * sizeof *dst);
      dst += width;
      src += width;
    }
  }
}

/*
 * n <= 16 tokens of 16 dimensions out of the cache; k is the plane's row of the first dimension. Of
 * a part of a tile, the whole is read, if need be from further left, so that it stays in the plane;
 * what other threads write there meanwhile is not looked at.
 */
BT_INLINE void tile_out(const uint16_t *k, int64_t slot, int64_t n, uint8_t *rows, int64_t stride) {
  const int64_t k_stride = BT_KV_BLOCK * (int64_t)sizeof *k;
  if (n == TILE) {
    transpose_16((const uint8_t *)(k + slot), k_stride, rows, stride);
    return;
  }
  uint16_t tile[TILE][TILE];
  const int64_t from = slot < BT_KV_BLOCK - TILE ? slot : BT_KV_BLOCK - TILE;
  transpose_16((const uint8_t *)(k + from), k_stride, (uint8_t *)tile, sizeof tile[0]);
  for (int64_t t = 0; t < n; t++)
    memcpy(rows + t * stride, tile[slot - from + t], sizeof tile[0]);
}

/* The reverse; of a part of a tile, no other slots are written. */
BT_INLINE void tile_in(const uint8_t *rows, int64_t stride, int64_t n, uint16_t *k, int64_t slot) {
  const int64_t k_stride = BT_KV_BLOCK * (int64_t)sizeof *k;
  if (n == TILE) {
    transpose_16(rows, stride, (uint8_t *)(k + slot), k_stride);
    return;
  }
  uint16_t tile[TILE][TILE] = {{0}}, turned[TILE][TILE];
  for (int64_t t = 0; t < n; t++)
    memcpy(tile[t], rows + t * stride, sizeof tile[0]);
  transpose_16((const uint8_t *)tile, sizeof tile[0], (uint8_t *)turned, sizeof turned[0]);
  for (int d = 0; d < TILE; d++)
    copy_halves(k + d * BT_KV_BLOCK + slot, turned[d], n);
}

static inline int64_t tile_tokens(const struct wire_run *run, int64_t t) {
  return run->tokens - t < TILE ? run->tokens - t : TILE;
}

static void export_f16(const struct wire_run *run) {
  const int64_t whole = run->head_dim / TILE * TILE;
  for (int64_t t = 0; t < run->tokens; t += TILE) {
    const int64_t n = tile_tokens(run, t), slot = run->slot + t;
    uint8_t *rows = run->wire_k + t * run->row_bytes;
    for (int64_t d = 0; d < whole; d += TILE)
      tile_out(run->k + d * BT_KV_BLOCK, slot, n, rows + d * 2, run->row_bytes);
    for (int64_t d = whole; d < run->head_dim; d++) {
      for (int64_t i = 0; i < n; i++)
        memcpy(rows + i * run->row_bytes + d * 2, run->k + d * BT_KV_BLOCK + slot + i, 2);
    }
  }
  for (int64_t t = 0; t < run->tokens; t++) {
    memcpy(run->wire_v + t * run->row_bytes, run->v + t * run->head_dim,
           (size_t)run->head_dim * sizeof *run->v);
  }
}

static void import_f16(const struct wire_run *run) {
  const int64_t whole = run->head_dim / TILE * TILE;
  for (int64_t t = 0; t < run->tokens; t += TILE) {
    const int64_t n = tile_tokens(run, t), slot = run->slot + t;
    const uint8_t *rows = run->wire_k + t * run->row_bytes;
    for (int64_t d = 0; d < whole; d += TILE)
      tile_in(rows + d * 2, run->row_bytes, n, run->k + d * BT_KV_BLOCK, slot);
    for (int64_t d = whole; d < run->head_dim; d++) {
      for (int64_t i = 0; i < n; i++)
        memcpy(run->k + d * BT_KV_BLOCK + slot + i, rows + i * run->row_bytes + d * 2, 2);
    }
  }
  for (int64_t t = 0; t < run->tokens; t++) {
    memcpy(run->v + t * run->head_dim, run->wire_v + t * run->row_bytes,
           (size_t)run->head_dim * sizeof *run->v);
  }
}

/* n <= 16 rows of 32 halves to Q8 runs; the scales of all rows are worked out side by side. */
static void encode_q8(const uint16_t *rows, int64_t row_halves, int64_t n, uint8_t *wire,
                      int64_t stride) {
  const v16 limit = v16_set1(127.0f), minus_limit = v16_set1(-127.0f);
  const v16 finite = v16_set1(65504.0f); /* what is not counts as this */
  uint16_t amax[TILE] = {0}, scale[TILE];
  float inverse[TILE];
  for (int64_t i = 0; i < n; i++)
    amax[i] = f16_amax_32(rows + i * row_halves);
  v16_store_f16(scale, v16_div(v16_min(v16_load_f16(amax), finite), limit));
  const v16 d = v16_load_f16(scale);
  v16_store(inverse, v16_select_lt(v16_zero(), d, v16_div(v16_set1(1.0f), d), v16_zero()));
  for (int64_t i = 0; i < n; i++) {
    uint8_t *run = wire + i * stride;
    memcpy(run, scale + i, sizeof *scale);
    for (int j = 0; j < 2; j++) {
      const v16 x = v16_mul(v16_load_f16(rows + i * row_halves + 16 * j), v16_set1(inverse[i]));
      v16_store_i8((int8_t *)run + 2 + 16 * j, v16_max(v16_min(x, limit), minus_limit));
    }
  }
}

/* The reverse, of any bytes. */
static void decode_q8(const uint8_t *wire, int64_t stride, int64_t n, uint16_t *rows,
                      int64_t row_halves) {
  uint16_t scale[TILE] = {0};
  float d[TILE];
  for (int64_t i = 0; i < n; i++)
    memcpy(scale + i, wire + i * stride, sizeof *scale);
  v16_store(d, v16_load_f16(scale));
  for (int64_t i = 0; i < n; i++) {
    for (int j = 0; j < 2; j++) {
      const v16 q = v16_load_i8((const int8_t *)wire + i * stride + 2 + 16 * j);
      v16_store_f16_clamped(rows + i * row_halves + 16 * j, v16_mul(q, v16_set1(d[i])));
    }
  }
}

static void export_q8(const struct wire_run *run) {
  uint16_t rows[TILE][BT_Q8_RUN];
  for (int64_t t = 0; t < run->tokens; t += TILE) {
    const int64_t n = tile_tokens(run, t);
    for (int64_t d = 0; d < run->head_dim; d += BT_Q8_RUN) {
      const int64_t at = t * run->row_bytes + d / BT_Q8_RUN * BT_Q8_RUN_BYTES;
      for (int j = 0; j < BT_Q8_RUN; j += TILE) {
        tile_out(run->k + (d + j) * BT_KV_BLOCK, run->slot + t, n, (uint8_t *)(rows[0] + j),
                 sizeof rows[0]);
      }
      encode_q8(rows[0], BT_Q8_RUN, n, run->wire_k + at, run->row_bytes);
      encode_q8(run->v + t * run->head_dim + d, run->head_dim, n, run->wire_v + at, run->row_bytes);
    }
  }
}

static void import_q8(const struct wire_run *run) {
  uint16_t rows[TILE][BT_Q8_RUN];
  for (int64_t t = 0; t < run->tokens; t += TILE) {
    const int64_t n = tile_tokens(run, t);
    for (int64_t d = 0; d < run->head_dim; d += BT_Q8_RUN) {
      const int64_t at = t * run->row_bytes + d / BT_Q8_RUN * BT_Q8_RUN_BYTES;
      decode_q8(run->wire_k + at, run->row_bytes, n, rows[0], BT_Q8_RUN);
      for (int j = 0; j < BT_Q8_RUN; j += TILE) {
        tile_in((const uint8_t *)(rows[0] + j), sizeof rows[0], n, run->k + (d + j) * BT_KV_BLOCK,
                run->slot + t);
      }
      decode_q8(run->wire_v + at, run->row_bytes, n, run->v + t * run->head_dim + d, run->head_dim);
    }
  }
}

static uint64_t export_kv(const struct bt_wire_args *a) {
  each_wire_run(a, a->type == BT_WIRE_Q8 ? export_q8 : export_f16);
  return slice_digest(a);
}

static int import_kv(const struct bt_wire_args *a, uint64_t digest) {
  if (slice_digest(a) != digest)
    return 0;
  each_wire_run(a, a->type == BT_WIRE_Q8 ? import_q8 : import_f16);
  return 1;
}

#endif
