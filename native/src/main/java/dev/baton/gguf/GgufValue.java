package dev.baton.gguf;

import java.lang.foreign.MemorySegment;

/** A metadata value as it stands in the file. */
sealed interface GgufValue {
  /**
   * One number, truth value or string.
   *
   * @param value Long for whole numbers (UINT64 as its bits), Double for real ones, Boolean, or
   *     String
   */
  record Scalar(GgufValueType type, Object value) implements GgufValue {}

  /**
   * Elements that are decoded when asked for; the bytes are already known to hold {@code count} of
   * them.
   */
  record Array(GgufValueType elementType, int count, MemorySegment bytes) implements GgufValue {}

  /** The type's name for messages. */
  default String typeName() {
    return switch (this) {
      case Scalar scalar -> scalar.type.name();
      case Array array -> "array of " + array.elementType;
    };
  }
}
