package dev.baton.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Reads the head of a GGUF file field by field; each length is checked against the file before
 * memory is touched.
 */
final class GgufCursor {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  /** Of all strings of an array; no known vocabulary has a tenth of it. */
  private static final long MAX_STRINGS_BYTES = 1 << 28;

  private static final int WINDOW_BYTES = 1 << 16;

  private final String file;
  private final MemorySegment bytes;
  private long at;
  private String owner = "the header";

  GgufCursor(String file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Names what the next fields belong to, for error messages. */
  void enter(String newOwner) {
    owner = newOwner;
  }

  long position() {
    return at;
  }

  long remaining() {
    return bytes.byteSize() - at;
  }

  int int32(String field) {
    return bytes.get(INT, take(field, Integer.BYTES));
  }

  long int64(String field) {
    return bytes.get(LONG, take(field, Long.BYTES));
  }

  /**
   * A count of things that need {@code minBytes} each in the rest of the file, at most {@code
   * limit}.
   */
  int count(String field, int minBytes, int limit) {
    long count = int64(field);
    if (count < 0 || count > remaining() / minBytes) {
      throw broken(
          field
              + " says "
              + Long.toUnsignedString(count)
              + ", more than the rest of the file can hold");
    }
    if (count > limit) {
      throw error(field + " says " + count + ", this version reads at most " + limit);
    }
    return (int) count;
  }

  String string(String field, int maxBytes) {
    long length = int64(field + " length");
    if (length < 0 || length > remaining()) {
      throw broken(
          field
              + " length says "
              + Long.toUnsignedString(length)
              + " bytes, past the end of the file");
    }
    if (length > maxBytes) {
      throw error(field + " has " + length + " bytes, this version reads at most " + maxBytes);
    }
    String string = text(bytes, at, length);
    at += length;
    return string;
  }

  /** Steps over {@code length} bytes and returns them. */
  MemorySegment slice(String field, long length) {
    return bytes.asSlice(take(field, length), length);
  }

  /**
   * Steps over {@code count} strings of at most {@code maxBytes} each and returns their bytes,
   * lengths included.
   */
  MemorySegment strings(String field, int count, int maxBytes) {
    long start = at;
    long most = Math.min(remaining(), MAX_STRINGS_BYTES);
    // Plain arrays: several times as fast as a segment in code that is run only once.
    byte[] window = new byte[WINDOW_BYTES];
    int windowStart = 0;
    int windowEnd = 0;
    int next = 0;
    for (int i = 0; i < count; i++) {
      if (next + Long.BYTES > windowEnd) {
        windowStart = next;
        windowEnd = (int) Math.min(most, (long) next + WINDOW_BYTES);
        MemorySegment.copy(
            bytes, ValueLayout.JAVA_BYTE, start + next, window, 0, windowEnd - windowStart);
      }
      long length = most - next < Long.BYTES ? -1 : int64(window, next - windowStart);
      if (length < 0 || length > most - next - Long.BYTES) {
        at = start + next;
        throw most == MAX_STRINGS_BYTES
            ? error(field + "s have more bytes than the " + most + " that this version reads")
            : broken(field + " " + i + " of " + count + " runs past the end of the file");
      }
      if (length > maxBytes) {
        throw error(
            field + " " + i + " has " + length + " bytes, this version reads at most " + maxBytes);
      }
      next += Long.BYTES + (int) length;
    }
    at = start + next;
    return bytes.asSlice(start, next);
  }

  /**
   * UTF-8 at {@code at}; the caller has checked the range. Bytes that are no UTF-8 become U+FFFD.
   */
  static String text(MemorySegment bytes, long at, long length) {
    if (length == 0) {
      return "";
    }
    byte[] copy = new byte[(int) length];
    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, at, copy, 0, copy.length);
    return new String(copy, StandardCharsets.UTF_8);
  }

  GgufException error(String problem) {
    return new GgufException(file + ": " + owner + ": " + problem);
  }

  /** What a damaged or cut-off file gets. */
  GgufException broken(String problem) {
    return error(problem + "; the file is truncated or damaged, download it again");
  }

  /**
   * The same as {@link #INT} in an array, which needs nothing that is slow before it is compiled.
   */
  static int int32(byte[] bytes, int at) {
    return (bytes[at] & 0xFF)
        | ((bytes[at + 1] & 0xFF) << 8)
        | ((bytes[at + 2] & 0xFF) << 16)
        | (bytes[at + 3] << 24);
  }

  private static long int64(byte[] bytes, int at) {
    return Integer.toUnsignedLong(int32(bytes, at))
        | ((long) int32(bytes, at + Integer.BYTES) << Integer.SIZE);
  }

  private long take(String field, long length) {
    if (length > remaining()) {
      throw broken(
          field
              + " needs "
              + length
              + " bytes at byte "
              + at
              + " but the file has "
              + bytes.byteSize()
              + " bytes");
    }
    long start = at;
    at += length;
    return start;
  }
}
