/*
 * What stands between the exported functions (baton.c) and the kernels of each ISA level
 * (variant.c): the layouts of rows and panels, the arguments of each task, and the table of tasks.
 */
#ifndef BATON_KERNELS_H
#define BATON_KERNELS_H

#include <assert.h>
#include <stdint.h>

#include "baton.h"
#include "pool.h"

/* GGUF's numbers of the tensor types there are kernels for. */
enum {
  BT_F32 = 0,
  BT_F16 = 1,
  BT_Q4_0 = 2,
  BT_Q4_1 = 3,
  BT_Q5_0 = 6,
  BT_Q5_1 = 7,
  BT_Q8_0 = 8,
  BT_Q4_K = 12,
  BT_Q5_K = 13,
  BT_Q6_K = 14,
  BT_BF16 = 30,
  BT_TYPE_LIMIT = 31
};

/* Rows of a packed panel. */
#define BT_PANEL 32

/* Tokens of a KV block, and keys of an attention tile. */
#define BT_KV_BLOCK 64

/* The largest head dimension that attention has room for. */
#define BT_HEAD_DIM_MAX 256

/* Query rows that go through the tiles of one KV head together: a multiple of 6. */
#define BT_ATTENTION_ROWS 60

/* 32 activations: the bytes, their scale, and what the offset of the unsigned weights takes. */
struct bt_q8_32 {
  int8_t q[32];
  float d;
  int32_t minus_sum; /* -S */
  float d_sum;       /* d * (float)S, for the types with a minimum */
  int32_t zero;
};
static_assert(sizeof(struct bt_q8_32) == 48, "rows are arrays of 48-byte blocks");

/* 256 activations. S16 is the sum of 16 bytes, S32 of 32. */
struct bt_q8_256 {
  int8_t q[256];
  int32_t minus_32_sum[16]; /* -32 * S16, for Q6_K */
  int16_t sums[8];          /* S32 in the order 0 2 1 3 4 6 5 7, pairs as the mins of Q4_K unpack */
  float d;
  int32_t zero[3];
};
static_assert(sizeof(struct bt_q8_256) == 352, "rows are arrays of 352-byte blocks");

struct bt_matmul_args {
  const uint8_t *packed;
  int64_t panel_bytes;
  int64_t rows;
  int64_t cols;
  const uint8_t *x;
  int64_t x_row_bytes;
  int64_t tokens;
  float *out; /* (tokens, rows) */
  int accumulate;
};

/* Rows of activations to write, in the forms that are not NULL: float32 and quantised. */
struct bt_rows {
  float *f32;
  struct bt_q8_32 *q32;
  struct bt_q8_256 *q256;
  int64_t cols;
};

/* Quantises rows that stand in y.f32. */
struct bt_quantize_args {
  struct bt_rows y;
  int64_t tokens;
};

struct bt_rms_norm_args {
  const float *x; /* the first row to read */
  const float *weight;
  float eps;
  int64_t tokens;
  struct bt_rows y;
};

/* The turn that a unit belongs to. Behind the last turn stands one that begins with the number of
 * all units, and each has a unit at least: so the turn of the unit that follows is this one or the
 * next. */
static inline const struct bt_turn *bt_turn_of(const struct bt_runs *runs, int64_t unit) {
  int64_t low = 0, high = runs->count;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (runs->turns[middle].first_unit <= unit) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return runs->turns + low;
}

struct bt_rope_args {
  float *x; /* row 0 */
  const struct bt_runs *runs;
  int64_t heads;
  int64_t head_dim;
  const float *table; /* the row of position 0 */
  int64_t pairs;
};

struct bt_swiglu_args {
  const float *gate;
  const float *up;
  int64_t tokens;
  struct bt_rows y;
};

/* Maxima of a unit: a run of a row. */
#define BT_MAXIMA_UNIT 64

struct bt_maxima_args {
  const float *x;
  int64_t cols;
  int64_t maxima; /* of a row */
  float *out;
};

static inline int64_t bt_maxima_units(int64_t maxima) {
  return (maxima + BT_MAXIMA_UNIT - 1) / BT_MAXIMA_UNIT;
}

/* One layer of one sequence's cache. Token t stands in block block_table[t / 64], slot t % 64. */
struct bt_kv {
  uint8_t *pool;
  const int32_t *block_table;
  int64_t block_bytes;
  int64_t layer_offset; /* bytes from a block's start to this layer */
  int64_t kv_heads;
  int64_t head_dim;
};

/* A run's sequence in one layer. */
static inline struct bt_kv bt_kv_of(uint8_t *pool, const struct bt_attention_layer *layer,
                                    const struct bt_run *run) {
  return (struct bt_kv){.pool = pool,
                        .block_table = run->block_table,
                        .block_bytes = layer->block_bytes,
                        .layer_offset = layer->layer_offset,
                        .kv_heads = layer->kv_heads,
                        .head_dim = layer->key_dim};
}

struct bt_store_kv_args {
  uint8_t *pool;
  const struct bt_attention_layer *layer;
  const struct bt_runs *runs;
  const float *k; /* row 0 */
  const float *v;
};

/* KV blocks that a run's tokens stand in. */
static inline int64_t bt_blocks_of(const struct bt_run *run) {
  const int64_t last = run->first_position + run->tokens - 1;
  return last / BT_KV_BLOCK - run->first_position / BT_KV_BLOCK + 1;
}

struct bt_attention_args {
  uint8_t *pool;
  const struct bt_attention_layer *layer;
  const struct bt_runs *runs;
  const float *q; /* row 0 */
  float *y;       /* row 0 */
};

/* Forms of KV on the wire; the numbers are those of dev.baton.kernel.KvWireType. */
enum { BT_WIRE_F16 = 0, BT_WIRE_Q8 = 1 };

/* Values of a Q8 run, and its bytes with the f16 scale before them. */
#define BT_Q8_RUN 32
#define BT_Q8_RUN_BYTES (2 + BT_Q8_RUN)

/* Words of a row that have a digest key of their own. */
#define BT_DIGEST_KEYS 1024
#define BT_GOLDEN 0x9e3779b97f4a7c15u

/* The finaliser of SplitMix64. */
static inline uint64_t bt_mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/* One layer's KV of a run of tokens, in the cache and on the wire. */
struct bt_wire_args {
  struct bt_kv kv;
  int type;
  uint8_t *wire;
  int64_t row_bytes; /* of one token's K, or V, on the wire */
  int64_t layer;
  int64_t first_token;
  int64_t tokens;
  const uint64_t *digest_keys;
};

/* What bt_probe can measure. Which way of reading is the fastest depends on the CPU. */
enum {
  BT_PROBE_DOTS = 0,
  BT_PROBE_FMAS = 1,
  BT_PROBE_READS = 2,       /* as the CPU itself reads ahead */
  BT_PROBE_READS_AHEAD = 3, /* asking for lines ahead */
  BT_PROBE_READS_TWICE = 4, /* the same as the kernels do it for one token */
  BT_PROBE_KINDS = 5
};

#define BT_PROBE_SUMS 8
#define BT_PROBE_RUN 1024

struct bt_probe_args {
  const uint8_t *memory;
  int64_t bytes;
  int64_t rounds;
  volatile uint32_t *sums; /* BT_PROBE_SUMS of them */
};

/* The tasks of one ISA level, with their units. Each takes a pointer to its arguments above; the
 * last three are no tasks, but run on the caller's thread. */
struct bt_ops {
  bt_task matmul[BT_TYPE_LIMIT]; /* panels; NULL where there is no kernel */
  bt_task quantize;              /* rows; struct bt_quantize_args */
  bt_task rms_norm;              /* rows */
  bt_task rope;                  /* of each turn its run's rows */
  bt_task swiglu;                /* rows */
  bt_task maxima;                /* of each row its maxima by BT_MAXIMA_UNIT */
  bt_task store_kv;              /* of each turn its run's blocks, and in each the KV heads */
  bt_task attention;             /* of each turn its run's query rows by BT_ATTENTION_ROWS, the last
                                    first, and in each the KV heads */
  bt_task probe[BT_PROBE_KINDS]; /* threads; for reads, runs of BT_PROBE_RUN bytes */
  int64_t (*probe_work)(int kind, int64_t bytes);         /* of one round; see probe.h */
  uint64_t (*export_kv)(const struct bt_wire_args *args); /* the slice's digest */
  int (*import_kv)(const struct bt_wire_args *args, uint64_t digest); /* 0 where it differs */
};

extern const struct bt_ops bt_ops_scalar;
#if defined(__x86_64__)
extern const struct bt_ops bt_ops_avx2;
extern const struct bt_ops bt_ops_avx512;
#elif defined(__aarch64__)
extern const struct bt_ops bt_ops_neon;
extern const struct bt_ops bt_ops_neon_dotprod;
#endif

/* The kernels of a level, or NULL where the machine lacks it (cpu.c). */
const struct bt_ops *bt_ops_of(int isa);

/* pack.c */
struct bt_pack_args {
  int type;
  const uint8_t *raw;
  int64_t rows;
  int64_t cols;
  uint8_t *packed;
};
int64_t bt_row_bytes(int type, int64_t cols); /* of the GGUF type; -1 where there is no such type */
void bt_pack_task(const void *args, int64_t begin, int64_t end); /* of panels */

#endif
