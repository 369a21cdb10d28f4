/* The tiles of plain floats, and the tasks that walk the panels of all types: see matmul_tile.h. */
#ifndef BATON_MATMUL_H
#define BATON_MATMUL_H

#include "matmul_256.h"
#include "matmul_32.h"
#include "matmul_tile.h"
#include "matmul_wide.h"

/* --- F32, F16, BF16 --- */

BT_INLINE vf load_plain(const int type, const uint8_t *p) {
  return type == BT_F32 ? vf_load(p) : type == BT_F16 ? vf_load_f16(p) : vf_load_bf16(p);
}

BT_INLINE void tile_plain(const int type, const int tokens, const struct tile *tile) {
  const int groups = GROUPS_OF(tokens);
  const int width = type == BT_F32 ? 4 : 2;
  for (int row = 0; row < BT_PANEL; row += groups * LANES) {
    const uint8_t *w = tile->panel + row * width;
    const float *x = (const float *)tile->x;
    row_sums acc;
    zero_sums(tokens, acc);
    for (int64_t k = 0; k < tile->blocks; k++, w += BT_PANEL * width) {
      fetch_ahead(tokens, w, BT_PANEL * width / LINE);
      vf a[MAX_GROUPS];
      UNROLL
      for (int g = 0; g < groups; g++)
        a[g] = load_plain(type, w + g * LANES * width);
      UNROLL
      for (int t = 0; t < tokens; t++) {
        const vf b = vf_set1(x[t * tile->blocks + k]);
        UNROLL
        for (int g = 0; g < groups; g++)
          acc[g][t] = vf_fma(a[g], b, acc[g][t]);
      }
    }
    store_sums(tokens, tile, row, acc);
  }
}

/* --- all types --- */

typedef void (*tile_fn)(int tokens, const struct tile *tile);
typedef void (*unpack_fn)(const uint8_t *records, int64_t n, union wide_chunk *chunk);

/* Copies a tile's sums to the rows of out that exist. */
static void store_tile(const struct bt_matmul_args *args, int64_t panel, int64_t token, int tokens,
                       const float *sums) {
  const int64_t left = args->rows - panel * BT_PANEL;
  const int64_t rows = left < BT_PANEL ? left : BT_PANEL;
  for (int t = 0; t < tokens; t++, sums += BT_PANEL) {
    float *out = args->out + (token + t) * args->rows + panel * BT_PANEL;
    if (args->accumulate) {
      for (int64_t r = 0; r < rows; r++)
        out[r] += sums[r];
    } else {
      memcpy(out, sums, (size_t)rows * sizeof *out);
    }
  }
}

/* All tokens in tiles of about the same size. */
BT_INLINE void run_tiles(const struct tile *all, int64_t tokens, tile_fn run) {
  const int64_t tiles = (tokens + TILE_TOKENS - 1) / TILE_TOKENS;
  for (int64_t i = 0; i < tiles; i++) {
    const int64_t token = tokens * i / tiles;
    struct tile tile = *all;
    tile.x += token * all->x_row_bytes;
    tile.out += token * BT_PANEL;
    run((int)(tokens * (i + 1) / tiles - token), &tile);
  }
}

/* Panels [begin, end), each against all tokens, in tiles of about the same size. */
BT_INLINE void matmul(const struct bt_matmul_args *args, const int block_cols, tile_fn run,
                      int64_t begin, int64_t end) {
  const int64_t tiles = (args->tokens + TILE_TOKENS - 1) / TILE_TOKENS;
  for (int64_t panel = begin; panel < end; panel++) {
    for (int64_t i = 0; i < tiles; i++) {
      const int64_t token = args->tokens * i / tiles;
      const int tokens = (int)(args->tokens * (i + 1) / tiles - token);
      _Alignas(LINE) float sums[TILE_TOKENS * BT_PANEL];
      const struct tile tile = {.panel = args->packed + panel * args->panel_bytes,
                                .blocks = args->cols / block_cols,
                                .x = args->x + token * args->x_row_bytes,
                                .x_row_bytes = args->x_row_bytes,
                                .out = sums};
      run(tokens, &tile);
      store_tile(args, panel, token, tokens, sums);
    }
  }
}

/* The same with each chunk of a panel unpacked for all tiles of a run of tokens. */
BT_INLINE void matmul_wide(const struct bt_matmul_args *args, const int block_cols,
                           unpack_fn unpack, tile_fn run, int64_t begin, int64_t end) {
  const int64_t blocks = args->cols / block_cols;
  const int64_t runs = (args->tokens + WIDE_TOKENS - 1) / WIDE_TOKENS;
  for (int64_t panel = begin; panel < end; panel++) {
    for (int64_t i = 0; i < runs; i++) {
      const int64_t token = args->tokens * i / runs;
      const int64_t tokens = args->tokens * (i + 1) / runs - token;
      _Alignas(LINE) float sums[WIDE_TOKENS * BT_PANEL];
      memset(sums, 0, (size_t)tokens * BT_PANEL * sizeof *sums);
      for (int64_t block = 0; block < blocks; block += WIDE_COLS / block_cols) {
        _Alignas(LINE) union wide_chunk chunk;
        const int64_t left = blocks - block;
        const struct tile tile = {
            .panel = (const uint8_t *)&chunk,
            .blocks = left < WIDE_COLS / block_cols ? left : WIDE_COLS / block_cols,
            .x = args->x + token * args->x_row_bytes + block * (args->x_row_bytes / blocks),
            .x_row_bytes = args->x_row_bytes,
            .out = sums};
        unpack(args->packed + panel * args->panel_bytes + block * (args->panel_bytes / blocks),
               tile.blocks, &chunk);
        run_tiles(&tile, tokens, run);
      }
      store_tile(args, panel, token, (int)tokens, sums);
    }
  }
}

#if TILE_TOKENS == 5
#define FIFTH_TOKEN(tile, type, x)                                                                 \
  case 5:                                                                                          \
    tile(type, 5, x);                                                                              \
    break;
#else
#define FIFTH_TOKEN(tile, type, x)
#endif

#define DEFINE_TILES(name, tile_kind, type)                                                        \
  static void run_##name(int tokens, const struct tile *x) {                                       \
    switch (tokens) {                                                                              \
    case 1:                                                                                        \
      tile_kind(type, 1, x);                                                                       \
      break;                                                                                       \
    case 2:                                                                                        \
      tile_kind(type, 2, x);                                                                       \
      break;                                                                                       \
    case 3:                                                                                        \
      tile_kind(type, 3, x);                                                                       \
      break;                                                                                       \
    case 4:                                                                                        \
      tile_kind(type, 4, x);                                                                       \
      break;                                                                                       \
      FIFTH_TOKEN(tile_kind, type, x)                                                              \
    }                                                                                              \
  }

#define DEFINE_PLAIN(name, type)                                                                   \
  DEFINE_TILES(name, tile_plain, type)                                                             \
  static void matmul_##name(const void *args, int64_t begin, int64_t end) {                        \
    matmul(args, 1, run_##name, begin, end);                                                       \
  }

/* The same, and for many tokens the tiles of unpacked chunks. */
#define DEFINE_QUANTISED(name, kind, type)                                                         \
  DEFINE_TILES(name, tile_##kind, type)                                                            \
  static void unpack_##name(const uint8_t *records, int64_t n, union wide_chunk *chunk) {          \
    for (int64_t i = 0; i < n; i++, records += record_bytes_of_##kind(type)) {                     \
      fetch_chunk(records + n * record_bytes_of_##kind(type), record_bytes_of_##kind(type));       \
      unpack_##kind(type, records, chunk->of_##kind + i);                                          \
    }                                                                                              \
  }                                                                                                \
  static void run_wide_##name(int tokens, const struct tile *x) {                                  \
    if (tokens == TILE_TOKENS) {                                                                   \
      tile_wide_##kind(type, TILE_TOKENS, x);                                                      \
    } else {                                                                                       \
      tile_wide_##kind(type, TILE_TOKENS - 1, x);                                                  \
    }                                                                                              \
  }                                                                                                \
  static void matmul_##name(const void *arg, int64_t begin, int64_t end) {                         \
    const struct bt_matmul_args *args = arg;                                                       \
    if (wide_pays(type) && args->tokens >= WIDE_TOKENS_MIN) {                                      \
      matmul_wide(args, kind, unpack_##name, run_wide_##name, begin, end);                         \
    } else {                                                                                       \
      matmul(args, kind, run_##name, begin, end);                                                  \
    }                                                                                              \
  }

DEFINE_PLAIN(f32, BT_F32)
DEFINE_PLAIN(f16, BT_F16)
DEFINE_PLAIN(bf16, BT_BF16)
DEFINE_QUANTISED(q4_0, 32, BT_Q4_0)
DEFINE_QUANTISED(q4_1, 32, BT_Q4_1)
DEFINE_QUANTISED(q5_0, 32, BT_Q5_0)
DEFINE_QUANTISED(q5_1, 32, BT_Q5_1)
DEFINE_QUANTISED(q8_0, 32, BT_Q8_0)
DEFINE_QUANTISED(q4_k, 256, BT_Q4_K)
DEFINE_QUANTISED(q5_k, 256, BT_Q5_K)
DEFINE_QUANTISED(q6_k, 256, BT_Q6_K)

#define MATMUL_TASKS                                                                               \
  {                                                                                                \
    [BT_F32] = matmul_f32, [BT_F16] = matmul_f16, [BT_BF16] = matmul_bf16,                         \
    [BT_Q4_0] = matmul_q4_0, [BT_Q4_1] = matmul_q4_1, [BT_Q5_0] = matmul_q5_0,                     \
    [BT_Q5_1] = matmul_q5_1, [BT_Q8_0] = matmul_q8_0, [BT_Q4_K] = matmul_q4_k,                     \
    [BT_Q5_K] = matmul_q5_k, [BT_Q6_K] = matmul_q6_k                                               \
  }

#endif
