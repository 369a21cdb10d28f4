/* The one function that Java calls. */
#include <string.h>

#include "baton.h"

static float float_of(int64_t bits) {
  const int32_t low = (int32_t)bits;
  float value;
  memcpy(&value, &low, sizeof value);
  return value;
}

int64_t bt_call(int32_t function, struct bt_context *ctx, void *p0, void *p1, void *p2, void *p3,
                void *p4, void *p5, void *p6, int64_t n0, int64_t n1, int64_t n2, int64_t n3,
                int64_t n4, int64_t n5, int64_t n6, int64_t n7, int64_t n8) {
  switch (function) {
  case BT_CALL_ISA_LEVELS:
    return bt_isa_levels();
  case BT_CALL_OPEN:
    return (int64_t)(intptr_t)bt_open((int32_t)n0, (int32_t)n1, (int32_t)n2);
  case BT_CALL_CLOSE:
    bt_close(ctx);
    return 0;
  case BT_CALL_Q8_32_ROW_BYTES:
    return bt_q8_32_row_bytes(n0);
  case BT_CALL_Q8_256_ROW_BYTES:
    return bt_q8_256_row_bytes(n0);
  case BT_CALL_PACKED_BYTES:
    return bt_packed_bytes((int32_t)n0, n1, n2);
  case BT_CALL_PACK:
    bt_pack(ctx, (int32_t)n0, p0, n1, n2, p1);
    return 0;
  case BT_CALL_QUANTIZE:
    bt_quantize(ctx, p0, n0, n1, p1, p2);
    return 0;
  case BT_CALL_MATMUL:
    bt_matmul(ctx, (int32_t)n0, p0, n1, n2, p1, n3, p2, (int32_t)n4);
    return 0;
  case BT_CALL_RMS_NORM:
    bt_rms_norm(ctx, p0, n0, p1, float_of(n3), n1, n2, p2, p3, p4);
    return 0;
  case BT_CALL_ROPE:
    bt_rope(ctx, p0, p1, n0, n1, p2, n2);
    return 0;
  case BT_CALL_PROBE:
    return bt_probe(ctx, (int32_t)n0, p0, n1, n2);
  case BT_CALL_STORE_KV:
    bt_store_kv(ctx, p0, p1, p2, p3, p4);
    return 0;
  case BT_CALL_ATTENTION:
    bt_attention(ctx, p0, p1, p2, p3, p4, p5, p6);
    return 0;
  case BT_CALL_SWIGLU:
    bt_swiglu(ctx, p0, p1, n0, n1, p2, p3, p4);
    return 0;
  case BT_CALL_EXPORT_KV:
    return bt_export_kv(ctx, p0, p1, n0, n1, n2, n3, n4, n5, (int32_t)n6, p2, n7);
  case BT_CALL_IMPORT_KV:
    return bt_import_kv(ctx, p0, p1, n0, n1, n2, n3, n4, n5, (int32_t)n6, p2, n7, n8);
  case BT_CALL_MAXIMA:
    bt_maxima(ctx, p0, n0, n1, p1);
    return 0;
  default:
    return -1;
  }
}
