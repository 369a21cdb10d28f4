/*
 * Baton's C kernels. Java reaches every function here through bt_call
 * (dev.baton.kernel.BatonCalls), which alone is exported.
 *
 * Tensors are row-major float32, one row a token. Java has checked every size against its segment
 * before it calls. Sizes of 0 are fine everywhere. All functions may be called from any thread,
 * also at the same time.
 */
#ifndef BATON_H
#define BATON_H

#include <assert.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BT_EXPORT __attribute__((visibility("default")))
#else
#define BT_EXPORT
#endif

/* Instruction set levels; the numbers are shared with dev.baton.kernel.CpuIsa. */
enum { BT_SCALAR = 0, BT_AVX2 = 1, BT_AVX512 = 2, BT_NEON = 3 };

/* One set of kernels of one ISA level with its threads. */
struct bt_context;

/* The levels this machine and its operating system can run: bit i stands for level i. */
int32_t bt_isa_levels(void);

/* A context with `threads` threads, the caller's among them, or NULL where threads or memory cannot
 * be had. */
struct bt_context *bt_open(int32_t isa, int32_t threads, int32_t pin);

/* Ends the threads. No other call on the context may be under way. */
void bt_close(struct bt_context *ctx);

/* Bytes of one row of `cols` activations, quantised with one scale per 32 or per 256 values. */
int64_t bt_q8_32_row_bytes(int64_t cols);
int64_t bt_q8_256_row_bytes(int64_t cols);

/* Bytes of a packed matrix, or -1 for a type there is no kernel for. */
int64_t bt_packed_bytes(int32_t type, int64_t rows, int64_t cols);

/* Lays rows of the GGUF type out as panels (pack.c). */
void bt_pack(struct bt_context *ctx, int32_t type, const void *raw, int64_t rows, int64_t cols,
             void *packed);

/* Quantises rows of x; q32 and q256 may each be NULL. */
void bt_quantize(struct bt_context *ctx, const float *x, int64_t tokens, int64_t cols, void *q32,
                 void *q256);

/* out (tokens, rows) = x (tokens, cols) times the matrix; x is in the form the type wants. */
void bt_matmul(struct bt_context *ctx, int32_t type, const void *packed, int64_t rows, int64_t cols,
               const void *x, int64_t tokens, float *out, int32_t accumulate);

/* y (tokens, cols) = rms norm of rows [x_row, x_row + tokens) of x, in the forms that are not
 * NULL. */
void bt_rms_norm(struct bt_context *ctx, const float *x, int64_t x_row, const float *weight,
                 float eps, int64_t tokens, int64_t cols, float *y, void *q32, void *q256);

/* A run of rows of a ragged batch: tokens of one sequence at following positions. */
struct bt_run {
  const int32_t *block_table; /* token t stands in block block_table[t / 64], slot t % 64 */
  int64_t first_row;          /* a run begins where the one before it ends */
  int64_t tokens;             /* 1 at least */
  int64_t first_position;
};
static_assert(sizeof(struct bt_run) == 32, "dev.baton.kernel.RowRuns writes it");

/* A run's turn in handing out the units of an operation. */
struct bt_turn {
  int64_t first_unit;
  int64_t run;
};
static_assert(sizeof(struct bt_turn) == 16, "dev.baton.kernel.RowRuns has room for it");

/* The runs of a ragged batch. No two have the same position of one sequence. */
struct bt_runs {
  int64_t count;
  int64_t rows;
  struct bt_turn *turns; /* room for count + 1, which each operation fills in anew */
  struct bt_run runs[];
};
static_assert(sizeof(struct bt_runs) == 24, "dev.baton.kernel.RowRuns writes it");

/* What of a layer's attention is fixed once a model is loaded. */
struct bt_attention_layer {
  int64_t heads; /* of queries; head h reads KV head h / (heads / kv_heads) */
  int64_t kv_heads;
  int64_t key_dim;      /* elements of a head of q and k */
  int64_t value_dim;    /* and of v and what comes out: the same so far */
  int64_t block_bytes;  /* from one KV block to the next */
  int64_t layer_offset; /* bytes from a block's start to this layer */
  float scale;
  int32_t zero;
};
static_assert(sizeof(struct bt_attention_layer) == 56, "dev.baton.kernel.AttentionLayer writes it");

/* Rotates pairs of the runs' rows of x (.., heads, head_dim); table is (positions, pairs, 2). */
void bt_rope(struct bt_context *ctx, float *x, struct bt_runs *runs, int64_t heads,
             int64_t head_dim, const float *table, int64_t pairs);

/* Keeps every thread busy for `rounds` with what `kind` says, to be timed: 0 integer dots, 1 float
 * multiply-adds, 2 to 4 reading the `bytes` at `memory`, of which there are 4,096 at least, in one
 * of three ways. Returns the operations, or the bytes read, of all threads. */
int64_t bt_probe(struct bt_context *ctx, int32_t kind, const void *memory, int64_t bytes,
                 int64_t rounds);

/* The KV cache: blocks of 64 tokens, [layer][kv head][K as [d][64], V as [64][d]], f16. */
void bt_store_kv(struct bt_context *ctx, void *pool, struct bt_runs *runs,
                 const struct bt_attention_layer *layer, const float *k, const float *v);

/* y (.., heads, value_dim) = causal attention of the runs' rows of q, which stand in the cache;
 * then quantised where q32 or q256 is not NULL. */
void bt_attention(struct bt_context *ctx, const void *pool, struct bt_runs *runs,
                  const struct bt_attention_layer *layer, const float *q, float *y, void *q32,
                  void *q256);

/* y (tokens, cols) = silu(gate) * up, in the forms that are not NULL. */
void bt_swiglu(struct bt_context *ctx, const float *gate, const float *up, int64_t tokens,
               int64_t cols, float *y, void *q32, void *q256);

/* The greatest of each BT_MAXIMA_RUN values of the rows of x (rows, cols), the last of a row of
 * those that are left: out is (rows, ceil(cols / BT_MAXIMA_RUN)). Infinity where one of them is no
 * number. */
#define BT_MAXIMA_RUN 64
void bt_maxima(struct bt_context *ctx, const float *x, int64_t rows, int64_t cols, float *out);

/* Wire form, at wire_offset bytes and any alignment: K [token][kv head][d], then V alike, as f16
 * (type 0) or in Q8 runs (type 1). Export returns the digest of what it wrote; import returns 0,
 * having written nothing, where the bytes have another digest than that. Both run on the caller's
 * thread alone. */
int64_t bt_export_kv(struct bt_context *ctx, const void *pool, const int32_t *block_table,
                     int64_t layers, int64_t kv_heads, int64_t head_dim, int64_t layer,
                     int64_t first_token, int64_t tokens, int32_t type, void *wire,
                     int64_t wire_offset);
int32_t bt_import_kv(struct bt_context *ctx, void *pool, const int32_t *block_table, int64_t layers,
                     int64_t kv_heads, int64_t head_dim, int64_t layer, int64_t first_token,
                     int64_t tokens, int32_t type, const void *wire, int64_t wire_offset,
                     int64_t digest);

/* The functions above by number; shared with dev.baton.kernel.BatonCalls. */
enum {
  BT_CALL_ISA_LEVELS = 0,
  BT_CALL_OPEN = 1,
  BT_CALL_CLOSE = 2,
  BT_CALL_Q8_32_ROW_BYTES = 3,
  BT_CALL_Q8_256_ROW_BYTES = 4,
  BT_CALL_PACKED_BYTES = 5,
  BT_CALL_PACK = 6,
  BT_CALL_QUANTIZE = 7,
  BT_CALL_MATMUL = 8,
  BT_CALL_RMS_NORM = 9,
  BT_CALL_ROPE = 10,
  BT_CALL_PROBE = 11,
  BT_CALL_STORE_KV = 12,
  BT_CALL_ATTENTION = 13,
  BT_CALL_SWIGLU = 14,
  BT_CALL_EXPORT_KV = 15,
  BT_CALL_IMPORT_KV = 16,
  BT_CALL_MAXIMA = 17,
};

/* Calls a function with its pointers, the context aside, and its numbers, each in their order;
 * floats are numbers by their bits. One signature for all, since a JVM takes 10 to 15 ms to link
 * each. */
BT_EXPORT int64_t bt_call(int32_t function, struct bt_context *ctx, void *p0, void *p1, void *p2,
                          void *p3, void *p4, void *p5, void *p6, int64_t n0, int64_t n1,
                          int64_t n2, int64_t n3, int64_t n4, int64_t n5, int64_t n6, int64_t n7,
                          int64_t n8);

#endif
