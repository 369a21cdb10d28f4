/*
 * The KV cache: where tokens stand in it, and writing new ones. Copies to and from the wire:
 * wire.h.
 *
 * A block holds 64 tokens, and for each layer and KV head a K plane [head_dim][64] and after it a V
 * plane [64][head_dim], both f16. A unit of storing is what a run has in one block of one head: no
 * two threads write to one cache line, unless two runs share a block.
 */
#ifndef BATON_KV_H
#define BATON_KV_H

#include "kernels.h"
#include "vec.h"

/* The K plane of a head in the block of `token`; the V plane follows it. */
static inline uint16_t *k_plane(const struct bt_kv *kv, int64_t head, int64_t token) {
  const int64_t block = kv->block_table[token / BT_KV_BLOCK];
  const int64_t plane_bytes = BT_KV_BLOCK * kv->head_dim * (int64_t)sizeof(uint16_t);
  return (uint16_t *)(kv->pool + block * kv->block_bytes + kv->layer_offset +
                      2 * head * plane_bytes);
}

static inline uint16_t *v_row(const struct bt_kv *kv, uint16_t *plane, int64_t token) {
  return plane + (BT_KV_BLOCK + token % BT_KV_BLOCK) * kv->head_dim;
}

/* To f16, clamped to its largest finite value; a NaN becomes that too. */
BT_INLINE void v16_store_f16_clamped(uint16_t *out, v16 x) {
  v16_store_f16(out, v16_max(v16_min(x, v16_set1(65504.0f)), v16_set1(-65504.0f)));
}

/* n <= 16 floats of a token to f16: K into a column of its plane, V into a row. */
BT_INLINE void store_kv_run(v16 k, v16 v, int n, uint16_t *k_column, uint16_t *v_out) {
  uint16_t k_bits[16];
  v16_store_f16_clamped(k_bits, k);
  for (int i = 0; i < n; i++)
    k_column[i * BT_KV_BLOCK] = k_bits[i];
  if (n == 16) {
    v16_store_f16_clamped(v_out, v);
    return;
  }
  uint16_t v_bits[16];
  v16_store_f16_clamped(v_bits, v);
  memcpy(v_out, v_bits, (size_t)n * sizeof *v_out);
}

/* The tokens of one block and one head: `tokens` rows from k and v on, to slots from `slot` on. */
static void store_kv_block(const struct bt_kv *kv, uint16_t *plane, int64_t slot, int64_t tokens,
                           const float *k, const float *v) {
  const int64_t row = kv->kv_heads * kv->head_dim;
  const int64_t whole = kv->head_dim / 16 * 16;
  const int rest = (int)(kv->head_dim - whole);
  for (int64_t end = slot + tokens; slot < end; slot++, k += row, v += row) {
    uint16_t *k_column = plane + slot;
    uint16_t *v_out = v_row(kv, plane, slot);
    for (int64_t d = 0; d < whole; d += 16) {
      store_kv_run(v16_load(k + d), v16_load(v + d), 16, k_column + d * BT_KV_BLOCK, v_out + d);
    }
    if (rest > 0) {
      store_kv_run(v16_load_n(k + whole, rest), v16_load_n(v + whole, rest), rest,
                   k_column + whole * BT_KV_BLOCK, v_out + whole);
    }
  }
}

static void store_kv(const void *args, int64_t begin, int64_t end) {
  const struct bt_store_kv_args *a = args;
  const int64_t kv_heads = a->layer->kv_heads;
  const struct bt_turn *turn = bt_turn_of(a->runs, begin);
  for (int64_t unit = begin; unit < end; unit++) {
    turn += turn[1].first_unit == unit;
    const struct bt_run *run = a->runs->runs + turn->run;
    const struct bt_kv kv = bt_kv_of(a->pool, a->layer, run);
    const int64_t head = (unit - turn->first_unit) % kv_heads;
    const int64_t block = run->first_position / BT_KV_BLOCK + (unit - turn->first_unit) / kv_heads;
    const int64_t block_end = (block + 1) * BT_KV_BLOCK;
    const int64_t run_end = run->first_position + run->tokens;
    const int64_t first =
        run->first_position > block * BT_KV_BLOCK ? run->first_position : block * BT_KV_BLOCK;
    const int64_t tokens = (run_end < block_end ? run_end : block_end) - first;
    const int64_t row = run->first_row + first - run->first_position;
    const int64_t offset = (row * kv_heads + head) * kv.head_dim;
    store_kv_block(&kv, k_plane(&kv, head, first), first % BT_KV_BLOCK, tokens, a->k + offset,
                   a->v + offset);
  }
}

#endif
