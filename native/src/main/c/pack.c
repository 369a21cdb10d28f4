/*
 * Packing. A panel is 32 rows, the last one filled up with zeros. It holds one record per block of
 * columns, and a record holds the fields of the 32 GGUF blocks one after the other, a multiple of
 * 64 bytes in all:
 *
 *   2-byte fields   32 rows x 2 bytes
 *   4-byte groups   for each group of 4 bytes of the field: 32 rows x 4 bytes, so that a row is a
 * 32-bit lane
 *
 * No field grows, so a packed matrix has the size of its tensor but for the filled rows.
 */
#include <stddef.h>
#include <string.h>

#include "kernels.h"

enum field_kind {
  HALF = 1,  /* 2-byte values */
  QUAD,      /* bytes in groups of 4 */
  QUAD_FLIP, /* the same of signed bytes, made unsigned by an offset of 128 */
  BITS /* 32 bits, bit i of element i -> bit 8 * (i % 4) + i / 4, so that 4 elements are a shift and
          a mask */
};

struct field {
  uint8_t kind; /* 0 ends the list */
  uint8_t bytes;
  uint16_t offset; /* in the GGUF block */
};

struct shape {
  uint16_t elements;
  uint16_t bytes;
  struct field fields[7];
};

static const struct shape shapes[BT_TYPE_LIMIT] = {
    [BT_F32] = {1, 4, {{QUAD, 4, 0}}},
    [BT_F16] = {1, 2, {{HALF, 2, 0}}},
    [BT_BF16] = {1, 2, {{HALF, 2, 0}}},
    [BT_Q4_0] = {32, 18, {{HALF, 2, 0}, {QUAD, 16, 2}}},
    [BT_Q4_1] = {32, 20, {{HALF, 2, 0}, {HALF, 2, 2}, {QUAD, 16, 4}}},
    [BT_Q5_0] = {32, 22, {{HALF, 2, 0}, {BITS, 4, 2}, {QUAD, 16, 6}}},
    [BT_Q5_1] = {32, 24, {{HALF, 2, 0}, {HALF, 2, 2}, {BITS, 4, 4}, {QUAD, 16, 8}}},
    [BT_Q8_0] = {32, 34, {{HALF, 2, 0}, {QUAD_FLIP, 32, 2}}},
    [BT_Q4_K] = {256, 144, {{HALF, 2, 0}, {HALF, 2, 2}, {QUAD, 12, 4}, {QUAD, 128, 16}}},
    [BT_Q5_K] = {256,
                 176,
                 {{HALF, 2, 0}, {HALF, 2, 2}, {QUAD, 12, 4}, {QUAD, 32, 16}, {QUAD, 128, 48}}},
    [BT_Q6_K] = {256,
                 210,
                 {{HALF, 2, 208},
                  {QUAD, 16, 192},
                  {QUAD, 32, 128},
                  {QUAD, 64, 0},
                  {QUAD, 32, 160},
                  {QUAD, 64, 64}}},
};

int64_t bt_row_bytes(int type, int64_t cols) {
  if (type < 0 || type >= BT_TYPE_LIMIT || shapes[type].elements == 0)
    return -1;
  return cols / shapes[type].elements * shapes[type].bytes;
}

static uint32_t spread_bits(uint32_t bits) {
  uint32_t spread = 0;
  for (int i = 0; i < 32; i++)
    spread |= (bits >> i & 1) << (8 * (i % 4) + i / 4);
  return spread;
}

/* Packs one field of the 32 blocks that stand row_bytes apart; rows past `rows` become zeros. */
static uint8_t *pack_field(struct field field, const uint8_t *blocks, int64_t row_bytes, int rows,
                           uint8_t *packed) {
  const int width = field.kind == HALF ? 2 : 4;
  for (int group = 0; group < field.bytes; group += width) {
    for (int r = 0; r < BT_PANEL; r++, packed += width) {
      uint32_t value = 0;
      if (r < rows) {
        memcpy(&value, blocks + r * row_bytes + field.offset + group, (size_t)width);
        if (field.kind == BITS)
          value = spread_bits(value);
      }
      if (field.kind == QUAD_FLIP)
        value ^= 0x80808080u;
      memcpy(packed, &value, (size_t)width);
    }
  }
  return packed;
}

void bt_pack_task(const void *arg, int64_t begin, int64_t end) {
  const struct bt_pack_args *args = arg;
  const struct shape *shape = &shapes[args->type];
  const int64_t row_bytes = bt_row_bytes(args->type, args->cols);
  for (int64_t panel = begin; panel < end; panel++) {
    const uint8_t *raw = args->raw + panel * BT_PANEL * row_bytes;
    const int64_t left = args->rows - panel * BT_PANEL;
    const int rows = left < BT_PANEL ? (int)left : BT_PANEL;
    uint8_t *packed = args->packed + panel * BT_PANEL * row_bytes;
    for (int64_t block = 0; block < args->cols / shape->elements; block++) {
      for (const struct field *field = shape->fields; field->kind; field++) {
        packed = pack_field(*field, raw, row_bytes, rows, packed);
      }
      raw += shape->bytes;
    }
  }
}
