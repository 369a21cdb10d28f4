/* The exported functions: each fills in a task's arguments and runs it. */
#include "baton.h"

#include <stdlib.h>

#include "kernels.h"

struct bt_context {
  const struct bt_ops *ops;
  struct bt_pool *pool;
  uint64_t digest_keys[BT_DIGEST_KEYS];
};

struct bt_context *bt_open(int32_t isa, int32_t threads, int32_t pin) {
  const struct bt_ops *ops = bt_ops_of(isa);
  struct bt_context *ctx = ops ? malloc(sizeof *ctx) : NULL;
  if (!ctx)
    return NULL;
  ctx->ops = ops;
  for (uint64_t i = 0; i < BT_DIGEST_KEYS; i++)
    ctx->digest_keys[i] = bt_mix((i + 1) * BT_GOLDEN);
  ctx->pool = bt_pool_open(threads, pin);
  if (!ctx->pool) {
    free(ctx);
    return NULL;
  }
  return ctx;
}

void bt_close(struct bt_context *ctx) {
  bt_pool_close(ctx->pool);
  free(ctx);
}

int64_t bt_q8_32_row_bytes(int64_t cols) { return cols / 32 * (int64_t)sizeof(struct bt_q8_32); }

int64_t bt_q8_256_row_bytes(int64_t cols) { return cols / 256 * (int64_t)sizeof(struct bt_q8_256); }

static int64_t panels_of(int64_t rows) { return (rows + BT_PANEL - 1) / BT_PANEL; }

/* Work that is done sooner than other threads wake up, in floats read or multiply-adds. */
#define SMALL_WORK 16384

/* Runs an operation that does little for each unit: on the caller's thread where there is little in
 * all. */
static void run_light(const struct bt_context *ctx, bt_task task, const void *args, int64_t units,
                      int64_t work) {
  if (work < SMALL_WORK && units > 0) {
    task(args, 0, units);
  } else {
    bt_pool_run(ctx->pool, task, args, units);
  }
}

/* The same for an operation whose units are as unlike as the runs of the batch. */
static void run_ragged(const struct bt_context *ctx, bt_task task, const void *args,
                       const struct bt_runs *runs, int64_t units, int64_t work) {
  if (runs->count > 1 && work >= SMALL_WORK) {
    bt_pool_run_uneven(ctx->pool, task, args, units);
  } else {
    run_light(ctx, task, args, units, work);
  }
}

static struct bt_rows rows_of(float *f32, void *q32, void *q256, int64_t cols) {
  return (struct bt_rows){.f32 = f32, .q32 = q32, .q256 = q256, .cols = cols};
}

int64_t bt_packed_bytes(int32_t type, int64_t rows, int64_t cols) {
  const int64_t row_bytes = bt_row_bytes(type, cols);
  return row_bytes < 0 ? -1 : panels_of(rows) * BT_PANEL * row_bytes;
}

void bt_pack(struct bt_context *ctx, int32_t type, const void *raw, int64_t rows, int64_t cols,
             void *packed) {
  const struct bt_pack_args args = {
      .type = type, .raw = raw, .rows = rows, .cols = cols, .packed = packed};
  bt_pool_run(ctx->pool, bt_pack_task, &args, panels_of(rows));
}

void bt_quantize(struct bt_context *ctx, const float *x, int64_t tokens, int64_t cols, void *q32,
                 void *q256) {
  const struct bt_quantize_args args = {.y = rows_of((float *)x, q32, q256, cols),
                                        .tokens = tokens};
  run_light(ctx, ctx->ops->quantize, &args, tokens, tokens * cols);
}

static int64_t x_row_bytes(int32_t type, int64_t cols) {
  switch (type) {
  case BT_F32:
  case BT_F16:
  case BT_BF16:
    return cols * (int64_t)sizeof(float);
  case BT_Q4_K:
  case BT_Q5_K:
  case BT_Q6_K:
    return bt_q8_256_row_bytes(cols);
  default:
    return bt_q8_32_row_bytes(cols);
  }
}

void bt_matmul(struct bt_context *ctx, int32_t type, const void *packed, int64_t rows, int64_t cols,
               const void *x, int64_t tokens, float *out, int32_t accumulate) {
  const struct bt_matmul_args args = {.packed = packed,
                                      .panel_bytes = BT_PANEL * bt_row_bytes(type, cols),
                                      .rows = rows,
                                      .cols = cols,
                                      .x = x,
                                      .x_row_bytes = x_row_bytes(type, cols),
                                      .tokens = tokens,
                                      .out = out,
                                      .accumulate = accumulate};
  if (tokens > 0)
    bt_pool_run(ctx->pool, ctx->ops->matmul[type], &args, panels_of(rows));
}

void bt_rms_norm(struct bt_context *ctx, const float *x, int64_t x_row, const float *weight,
                 float eps, int64_t tokens, int64_t cols, float *y, void *q32, void *q256) {
  const struct bt_rms_norm_args args = {.x = x + x_row * cols,
                                        .weight = weight,
                                        .eps = eps,
                                        .tokens = tokens,
                                        .y = rows_of(y, q32, q256, cols)};
  run_light(ctx, ctx->ops->rms_norm, &args, tokens, tokens * cols);
}

/* Numbers the units of all runs in the order of their turns, and returns how many there are. */
static int64_t number_units(struct bt_runs *runs, const struct bt_attention_layer *layer,
                            int64_t (*units_of)(const struct bt_run *run,
                                                const struct bt_attention_layer *layer)) {
  int64_t units = 0;
  for (int64_t i = 0; i < runs->count; i++) {
    runs->turns[i].first_unit = units;
    units += units_of(runs->runs + runs->turns[i].run, layer);
  }
  runs->turns[runs->count] = (struct bt_turn){.first_unit = units, .run = runs->count};
  return units;
}

static void take_turns_in_order(struct bt_runs *runs) {
  for (int64_t i = 0; i < runs->count; i++)
    runs->turns[i].run = i;
}

static int64_t rope_units(const struct bt_run *run, const struct bt_attention_layer *layer) {
  (void)layer;
  return run->tokens;
}

void bt_rope(struct bt_context *ctx, float *x, struct bt_runs *runs, int64_t heads,
             int64_t head_dim, const float *table, int64_t pairs) {
  const struct bt_rope_args args = {
      .x = x, .runs = runs, .heads = heads, .head_dim = head_dim, .table = table, .pairs = pairs};
  take_turns_in_order(runs);
  run_light(ctx, ctx->ops->rope, &args, number_units(runs, NULL, rope_units),
            runs->rows * heads * head_dim);
}

void bt_swiglu(struct bt_context *ctx, const float *gate, const float *up, int64_t tokens,
               int64_t cols, float *y, void *q32, void *q256) {
  const struct bt_swiglu_args args = {
      .gate = gate, .up = up, .tokens = tokens, .y = rows_of(y, q32, q256, cols)};
  run_light(ctx, ctx->ops->swiglu, &args, tokens, tokens * cols);
}

void bt_maxima(struct bt_context *ctx, const float *x, int64_t rows, int64_t cols, float *out) {
  const int64_t maxima = (cols + BT_MAXIMA_RUN - 1) / BT_MAXIMA_RUN;
  const struct bt_maxima_args args = {.x = x, .cols = cols, .maxima = maxima, .out = out};
  run_light(ctx, ctx->ops->maxima, &args, rows * bt_maxima_units(maxima), rows * cols);
}

static int64_t store_kv_units(const struct bt_run *run, const struct bt_attention_layer *layer) {
  return bt_blocks_of(run) * layer->kv_heads;
}

void bt_store_kv(struct bt_context *ctx, void *pool, struct bt_runs *runs,
                 const struct bt_attention_layer *layer, const float *k, const float *v) {
  const struct bt_store_kv_args args = {.pool = pool, .layer = layer, .runs = runs, .k = k, .v = v};
  take_turns_in_order(runs);
  const int64_t units = number_units(runs, layer, store_kv_units);
  run_ragged(ctx, ctx->ops->store_kv, &args, runs, units,
             runs->rows * layer->kv_heads * layer->key_dim);
}

static int64_t attention_units(const struct bt_run *run, const struct bt_attention_layer *layer) {
  const int64_t rows = run->tokens * (layer->heads / layer->kv_heads);
  return (rows + BT_ATTENTION_ROWS - 1) / BT_ATTENTION_ROWS * layer->kv_heads;
}

/* How much the heaviest unit of a run is, as a power of two. */
static int weight_of(const struct bt_run *run, const struct bt_attention_layer *layer) {
  const int64_t rows = run->tokens * (layer->heads / layer->kv_heads);
  const int64_t most = rows < BT_ATTENTION_ROWS ? rows : BT_ATTENTION_ROWS;
  return 63 - __builtin_clzll((uint64_t)(most * (run->first_position + run->tokens)));
}

/* Runs whose units are heavy come first, so that the last units, on which threads wait for each
 * other, are light. */
static void take_turns_by_weight(struct bt_runs *runs, const struct bt_attention_layer *layer) {
  int64_t places[64] = {0}; /* runs of each weight, then the place behind the last of them */
  for (int64_t i = 0; i < runs->count; i++)
    places[weight_of(runs->runs + i, layer)]++;
  int64_t place = 0;
  for (int weight = 63; weight >= 0; weight--)
    places[weight] = place += places[weight];
  for (int64_t i = runs->count - 1; i >= 0; i--)
    runs->turns[--places[weight_of(runs->runs + i, layer)]].run = i;
}

void bt_attention(struct bt_context *ctx, const void *pool, struct bt_runs *runs,
                  const struct bt_attention_layer *layer, const float *q, float *y, void *q32,
                  void *q256) {
  if (runs->count == 0)
    return;
  const struct bt_attention_args args = {
      .pool = (uint8_t *)pool, .layer = layer, .runs = runs, .q = q, .y = y};
  const int64_t cols = layer->heads * layer->value_dim;
  take_turns_by_weight(runs, layer);
  const int64_t units = number_units(runs, layer, attention_units);
  int64_t work = 0;
  for (int64_t i = 0; i < runs->count; i++)
    work += runs->runs[i].tokens * (runs->runs[i].first_position + runs->runs[i].tokens) * cols;
  run_ragged(ctx, ctx->ops->attention, &args, runs, units, work);
  const int64_t row = runs->runs[0].first_row;
  bt_quantize(ctx, y + row * cols, runs->rows, cols,
              q32 ? (uint8_t *)q32 + row * bt_q8_32_row_bytes(cols) : NULL,
              q256 ? (uint8_t *)q256 + row * bt_q8_256_row_bytes(cols) : NULL);
}

int64_t bt_probe(struct bt_context *ctx, int32_t kind, const void *memory, int64_t bytes,
                 int64_t rounds) {
  volatile uint32_t sums[BT_PROBE_SUMS];
  const struct bt_probe_args args = {
      .memory = memory, .bytes = bytes, .rounds = rounds, .sums = sums};
  const int threads = bt_pool_threads(ctx->pool);
  const int reads = kind >= BT_PROBE_READS;
  bt_pool_run(ctx->pool, ctx->ops->probe[kind], &args, reads ? bytes / BT_PROBE_RUN : threads);
  return ctx->ops->probe_work(kind, bytes) * rounds * (reads ? 1 : threads);
}

static struct bt_kv kv_of(const void *pool, const int32_t *block_table, int64_t layers,
                          int64_t kv_heads, int64_t head_dim, int64_t layer) {
  const int64_t layer_bytes = 2 * kv_heads * BT_KV_BLOCK * head_dim * (int64_t)sizeof(uint16_t);
  return (struct bt_kv){.pool = (uint8_t *)pool,
                        .block_table = block_table,
                        .block_bytes = layers * layer_bytes,
                        .layer_offset = layer * layer_bytes,
                        .kv_heads = kv_heads,
                        .head_dim = head_dim};
}

static struct bt_wire_args wire_args_of(const struct bt_context *ctx, struct bt_kv kv,
                                        int64_t layer, int64_t first_token, int64_t tokens,
                                        int32_t type, const void *wire, int64_t wire_offset) {
  const int64_t head_bytes = type == BT_WIRE_Q8 ? kv.head_dim / BT_Q8_RUN * BT_Q8_RUN_BYTES
                                                : kv.head_dim * (int64_t)sizeof(uint16_t);
  return (struct bt_wire_args){.kv = kv,
                               .type = type,
                               .wire = (uint8_t *)wire + wire_offset,
                               .row_bytes = kv.kv_heads * head_bytes,
                               .layer = layer,
                               .first_token = first_token,
                               .tokens = tokens,
                               .digest_keys = ctx->digest_keys};
}

int64_t bt_export_kv(struct bt_context *ctx, const void *pool, const int32_t *block_table,
                     int64_t layers, int64_t kv_heads, int64_t head_dim, int64_t layer,
                     int64_t first_token, int64_t tokens, int32_t type, void *wire,
                     int64_t wire_offset) {
  const struct bt_wire_args args =
      wire_args_of(ctx, kv_of(pool, block_table, layers, kv_heads, head_dim, layer), layer,
                   first_token, tokens, type, wire, wire_offset);
  return (int64_t)ctx->ops->export_kv(&args);
}

int32_t bt_import_kv(struct bt_context *ctx, void *pool, const int32_t *block_table, int64_t layers,
                     int64_t kv_heads, int64_t head_dim, int64_t layer, int64_t first_token,
                     int64_t tokens, int32_t type, const void *wire, int64_t wire_offset,
                     int64_t digest) {
  const struct bt_wire_args args =
      wire_args_of(ctx, kv_of(pool, block_table, layers, kv_heads, head_dim, layer), layer,
                   first_token, tokens, type, wire, wire_offset);
  return ctx->ops->import_kv(&args, (uint64_t)digest);
}
