/*
 * Replays operations whose results the Java reference worked out, at every ISA level of the
 * machine, and compares the bits. Each buffer is allocated at its exact size, so that the
 * sanitizers see every byte that a kernel has no right to.
 *
 *   replay FILE
 *
 * The file holds operations one after the other, all numbers 64-bit little-endian: the operation,
 * the number of parameters and they, the number of buffers and each as its size and bytes. The last
 * two buffers are the output before and after. Written by CReplayTest.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baton.h"

enum { MATMUL, RMS_NORM, ROPE, SWIGLU, STORE_KV, ATTENTION, EXPORT_KV, IMPORT_KV, MAXIMA };

#define MAX_PARAMETERS 12
#define MAX_BUFFERS 8

struct operation {
  int64_t kind;
  int64_t p[MAX_PARAMETERS];
  int64_t buffers;
  int64_t bytes[MAX_BUFFERS];
  void *b[MAX_BUFFERS];
};

static void fail(const char *what) {
  fprintf(stderr, "replay: %s\n", what);
  exit(2);
}

static void *allocate(int64_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)(bytes ? bytes : 1)))
    fail("no memory");
  return memory;
}

static int64_t read_number(FILE *file) {
  int64_t x;
  if (fread(&x, sizeof x, 1, file) != 1)
    fail("the file is cut off");
  return x;
}

static int read_operation(FILE *file, struct operation *op) {
  if (fread(&op->kind, sizeof op->kind, 1, file) != 1)
    return 0;
  const int64_t parameters = read_number(file);
  if (parameters > MAX_PARAMETERS)
    fail("too many parameters");
  for (int i = 0; i < parameters; i++)
    op->p[i] = read_number(file);
  op->buffers = read_number(file);
  if (op->buffers < 2 || op->buffers > MAX_BUFFERS)
    fail("too few or too many buffers");
  for (int i = 0; i < op->buffers; i++) {
    op->bytes[i] = read_number(file);
    op->b[i] = allocate(op->bytes[i]);
    if (fread(op->b[i], 1, (size_t)op->bytes[i], file) != (size_t)op->bytes[i])
      fail("the file is cut off");
  }
  return 1;
}

static float as_float(int64_t bits) {
  const int32_t low = (int32_t)bits;
  float x;
  memcpy(&x, &low, sizeof x);
  return x;
}

static void *q32_rows(int64_t rows, int64_t cols) {
  return cols % 32 ? NULL : allocate(rows * bt_q8_32_row_bytes(cols));
}

static void *q256_rows(int64_t rows, int64_t cols) {
  return cols % 256 ? NULL : allocate(rows * bt_q8_256_row_bytes(cols));
}

static void run_matmul(struct bt_context *ctx, const struct operation *op, void *out) {
  const int64_t *p = op->p;
  const int32_t type = (int32_t)p[0];
  const int64_t rows = p[1], cols = p[2], tokens = p[3];
  const int is_plain = type == 0 || type == 1 || type == 30;
  const int is_k = type >= 12 && type <= 14;
  void *packed = allocate(bt_packed_bytes(type, rows, cols));
  void *x = is_plain ? NULL : is_k ? q256_rows(tokens, cols) : q32_rows(tokens, cols);
  bt_pack(ctx, type, op->b[0], rows, cols, packed);
  if (!is_plain)
    bt_quantize(ctx, op->b[1], tokens, cols, is_k ? NULL : x, is_k ? x : NULL);
  bt_matmul(ctx, type, packed, rows, cols, is_plain ? op->b[1] : x, tokens, out, (int32_t)p[4]);
  free(x);
  free(packed);
}

/* The runs that buffer 0 lists by row, tokens and position, each with a copy of its table, which
 * stand one behind the other in buffer 1. */
static struct bt_runs *take_runs(const struct operation *op) {
  const int64_t *of_run = op->b[0];
  const int32_t *tables = op->b[1];
  const int64_t count = op->bytes[0] / (3 * (int64_t)sizeof *of_run);
  struct bt_runs *runs = allocate((int64_t)sizeof *runs + count * (int64_t)sizeof *runs->runs);
  runs->count = count;
  runs->rows = 0;
  runs->turns = allocate((count + 1) * (int64_t)sizeof *runs->turns);
  for (int64_t i = 0; i < count; i++, of_run += 3) {
    const int64_t blocks = (of_run[2] + of_run[1] + 63) / 64;
    int32_t *table = allocate(blocks * (int64_t)sizeof *table);
    memcpy(table, tables, (size_t)blocks * sizeof *table);
    tables += blocks;
    runs->runs[i] = (struct bt_run){.block_table = table,
                                    .first_row = of_run[0],
                                    .tokens = of_run[1],
                                    .first_position = of_run[2]};
    runs->rows += of_run[1];
  }
  return runs;
}

static void free_runs(struct bt_runs *runs) {
  for (int64_t i = 0; i < runs->count; i++)
    free((void *)runs->runs[i].block_table);
  free(runs->turns);
  free(runs);
}

static struct bt_attention_layer layer_of(const int64_t *p) {
  return (struct bt_attention_layer){.heads = p[0],
                                     .kv_heads = p[1],
                                     .key_dim = p[2],
                                     .value_dim = p[3],
                                     .block_bytes = p[4],
                                     .layer_offset = p[5],
                                     .scale = as_float(p[6])};
}

static void run_ragged(struct bt_context *ctx, const struct operation *op, void *out) {
  const int64_t *p = op->p;
  void *const *b = op->b;
  struct bt_runs *runs = take_runs(op);
  if (op->kind == ROPE) {
    bt_rope(ctx, out, runs, p[0], p[1], b[2], p[2]);
  } else if (op->kind == STORE_KV) {
    const struct bt_attention_layer layer = layer_of(p);
    bt_store_kv(ctx, out, runs, &layer, b[2], b[3]);
  } else {
    const struct bt_attention_layer layer = layer_of(p);
    const int64_t cols = layer.heads * layer.value_dim;
    const int64_t rows = runs->runs[0].first_row + runs->rows;
    void *q32 = q32_rows(rows, cols), *q256 = q256_rows(rows, cols);
    bt_attention(ctx, b[2], runs, &layer, b[3], out, q32, q256);
    free(q32);
    free(q256);
  }
  free_runs(runs);
}

static void write_rows(struct bt_context *ctx, const struct operation *op, void *out, void *q32,
                       void *q256) {
  const int64_t *p = op->p;
  if (op->kind == RMS_NORM) {
    bt_rms_norm(ctx, op->b[0], p[2], op->b[1], as_float(p[3]), p[0], p[1], out, q32, q256);
  } else {
    bt_swiglu(ctx, op->b[0], op->b[1], p[0], p[1], out, q32, q256);
  }
}

/* 1 where the quantised rows are the same without float32 rows. */
static int run_rows(struct bt_context *ctx, const struct operation *op, void *out) {
  const int64_t tokens = op->p[0], cols = op->p[1];
  void *q32 = q32_rows(tokens, cols), *q256 = q256_rows(tokens, cols);
  void *alone32 = q32_rows(tokens, cols), *alone256 = q256_rows(tokens, cols);
  write_rows(ctx, op, out, q32, q256);
  int same = 1;
  if (q32 || q256)
    write_rows(ctx, op, NULL, alone32, alone256);
  if (q32)
    same &= memcmp(q32, alone32, (size_t)(tokens * bt_q8_32_row_bytes(cols))) == 0;
  if (q256)
    same &= memcmp(q256, alone256, (size_t)(tokens * bt_q8_256_row_bytes(cols))) == 0;
  free(q32);
  free(q256);
  free(alone32);
  free(alone256);
  return same;
}

/* 1, or 0 where the operation returned something else than it should. */
static int run(struct bt_context *ctx, const struct operation *op, void *out) {
  const int64_t *p = op->p;
  void *const *b = op->b;
  switch (op->kind) {
  case MATMUL:
    run_matmul(ctx, op, out);
    break;
  case RMS_NORM:
  case SWIGLU:
    return run_rows(ctx, op, out);
  case ROPE:
  case STORE_KV:
  case ATTENTION:
    run_ragged(ctx, op, out);
    break;
  case MAXIMA:
    bt_maxima(ctx, b[0], p[0], p[1], out);
    break;
  case EXPORT_KV:
    return bt_export_kv(ctx, b[0], b[1], p[0], p[1], p[2], p[3], p[4], p[5], (int32_t)p[6], out,
                        0) == p[7];
  case IMPORT_KV:
    return bt_import_kv(ctx, out, b[1], p[0], p[1], p[2], p[3], p[4], p[5], (int32_t)p[6], b[0], 0,
                        p[7]) == p[8];
  default:
    fail("unknown operation");
  }
  return 1;
}

/* Runs one operation on a copy of its output; 1 where the bits are the expected ones. */
static int is_right(struct bt_context *ctx, const struct operation *op) {
  const int64_t bytes = op->bytes[op->buffers - 2];
  void *out = allocate(bytes);
  memcpy(out, op->b[op->buffers - 2], (size_t)bytes);
  const int right = run(ctx, op, out) && memcmp(out, op->b[op->buffers - 1], (size_t)bytes) == 0;
  free(out);
  return right;
}

int main(int argc, char **argv) {
  static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file)
    fail("usage: replay FILE");
  struct bt_context *contexts[8];
  const char *names[8];
  int count = 0, failures = 0, operations = 0;
  for (int isa = BT_SCALAR; isa <= BT_NEON; isa++) {
    for (int threads = 1; threads <= 2 && (bt_isa_levels() >> isa & 1); threads++) {
      contexts[count] = bt_open(isa, threads, 0);
      if (!contexts[count])
        fail("cannot open the kernels");
      names[count++] = levels[isa];
    }
  }
  struct operation op;
  for (; read_operation(file, &op); operations++) {
    for (int i = 0; i < count; i++) {
      if (is_right(contexts[i], &op))
        continue;
      failures++;
      printf("operation %d (kind %d, first parameter %d) differs at level %s\n", operations,
             (int)op.kind, (int)op.p[0], names[i]);
    }
    for (int i = 0; i < op.buffers; i++)
      free(op.b[i]);
  }
  for (int i = 0; i < count; i++)
    bt_close(contexts[i]);
  fclose(file);
  printf("%d operations at", operations);
  for (int i = 0; i < count; i += 2)
    printf(" %s", names[i]);
  printf(": %d failures\n", failures);
  return failures ? 1 : 0;
}
