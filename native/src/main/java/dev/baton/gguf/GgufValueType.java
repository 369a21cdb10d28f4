package dev.baton.gguf;

import java.util.Arrays;
import java.util.Optional;

/**
 * The type of a metadata value as GGUF numbers it. Source: the GGUF specification, {@code
 * gguf_metadata_value_type}.
 */
public enum GgufValueType {
  UINT8(0, 1),
  INT8(1, 1),
  UINT16(2, 2),
  INT16(3, 2),
  UINT32(4, 4),
  INT32(5, 4),
  FLOAT32(6, 4),
  BOOL(7, 1),
  /** A 64-bit length, then that many bytes of UTF-8. */
  STRING(8, 8),
  /** The elements' type (32 bits), their count (64 bits), then the elements. */
  ARRAY(9, 12),
  UINT64(10, 8),
  INT64(11, 8),
  FLOAT64(12, 8);

  private final int id;
  private final int minBytes;

  GgufValueType(int id, int minBytes) {
    this.id = id;
    this.minBytes = minBytes;
  }

  /** The number that stands for this type in a GGUF file. */
  public int id() {
    return id;
  }

  /** Bytes of a value; for strings and arrays, bytes of an empty one. */
  int minBytes() {
    return minBytes;
  }

  /** Whether values are whole numbers; {@link #BOOL} is not counted among them. */
  boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }

  /** Whether values are floating-point numbers. */
  boolean isReal() {
    return this == FLOAT32 || this == FLOAT64;
  }

  static Optional<GgufValueType> ofId(int id) {
    return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
  }
}
