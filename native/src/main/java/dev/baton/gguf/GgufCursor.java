package dev.baton.gguf;

import static dev.baton.gguf.GgufException.quoted;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads the head of a GGUF file field by field; each length is checked against the file before
 * memory is touched.
 */
final class GgufCursor {
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  /** Of all strings of an array; no known vocabulary has a tenth of it. */
  private static final long MAX_STRINGS_BYTES = 1 << 28;

  private final String file;
  private final MemorySegment bytes;
  private long at;

  /**
   * A copy of a part of the file: a plain array is read much sooner than a segment is set up to.
   */
  private final byte[] window = new byte[1 << 16];

  private long windowStart;
  private int windowBytes;
  private String owner = "the header";
  private @Nullable String ownerName;
  private int ownerIndex;
  private int ownerCount;

  GgufCursor(String file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Says what the next fields belong to, for error messages, which alone put it in words. */
  void enter(String kind, String name) {
    owner = kind;
    ownerName = name;
  }

  /** The same for one of several that has no name yet. */
  void enter(String kind, int index, int count) {
    owner = kind;
    ownerName = null;
    ownerIndex = index;
    ownerCount = count;
  }

  private String owner() {
    if (ownerName != null) {
      return owner + " " + quoted(ownerName);
    }
    return ownerCount == 0 ? owner : owner + " " + ownerIndex + " of " + ownerCount;
  }

  long position() {
    return at;
  }

  long remaining() {
    return bytes.byteSize() - at;
  }

  int int32(String field) {
    long start = take(field, Integer.BYTES);
    return int32(window, inWindow(start, Integer.BYTES));
  }

  long int64(String field) {
    return long64(take(field, Long.BYTES));
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
    long most = start + Math.min(remaining(), MAX_STRINGS_BYTES);
    long next = start;
    for (int i = 0; i < count; i++) {
      long length = most - next < Long.BYTES ? -1 : long64(next);
      if (length < 0 || length > most - next - Long.BYTES) {
        at = next;
        throw most - start == MAX_STRINGS_BYTES
            ? error(
                field
                    + "s have more bytes than the "
                    + MAX_STRINGS_BYTES
                    + " that this version reads")
            : broken(field + " " + i + " of " + count + " runs past the end of the file");
      }
      if (length > maxBytes) {
        throw error(
            field + " " + i + " has " + length + " bytes, this version reads at most " + maxBytes);
      }
      next += Long.BYTES + length;
    }
    at = next;
    return bytes.asSlice(start, next - start);
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
    return new GgufException(file + ": " + owner() + ": " + problem);
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

  private long long64(long start) {
    int index = inWindow(start, Long.BYTES);
    return Integer.toUnsignedLong(int32(window, index))
        | ((long) int32(window, index + Integer.BYTES) << Integer.SIZE);
  }

  /** Where in the window the bytes at {@code start} are, which the file has. */
  private int inWindow(long start, int length) {
    if (start < windowStart || start + length > windowStart + windowBytes) {
      windowStart = start;
      windowBytes = (int) Math.min(window.length, bytes.byteSize() - start);
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, start, window, 0, windowBytes);
    }
    return (int) (start - windowStart);
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
