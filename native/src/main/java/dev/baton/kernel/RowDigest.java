package dev.baton.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The digest of rows on their way between nodes: the sum modulo 2^64 of one 64-bit hash for each
 * row. A sum, so that slices may be cut anyhow and come in any order; each hash covers the row's
 * place, so that rows which changed places are noticed. It guards against faults, not against
 * forgers. The exact definition stands in this module's README.
 *
 * <p>Stateless; any thread; allocates nothing.
 *
 * <p>Source: NH of UMAC (Black, Halevi, Krawczyk, Krovetz and Rogaway, "UMAC: Fast and Secure
 * Message Authentication", 1999), here with the halves of one word as its pairs.
 */
public final class RowDigest {
  /** Words of a row that have a key of their own; after as many, the hash so far is mixed. */
  static final int KEYS = 1024;

  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long LOW = 0xFFFFFFFFL;
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;
  private static final long[] KEY = new long[KEYS];

  static {
    for (int i = 0; i < KEYS; i++) {
      KEY[i] = mix((i + 1) * GOLDEN);
    }
  }

  private RowDigest() {}

  /**
   * The digest of a slice: K rows of all its tokens and then V rows, in whatever wire type.
   *
   * @param rowBytes of each row
   */
  public static long ofSlice(
      int layer, int firstToken, int tokens, int rowBytes, MemorySegment src, long offset) {
    long digest = 0;
    long values = offset + (long) tokens * rowBytes;
    for (int i = 0; i < tokens; i++) {
      long row = (long) i * rowBytes;
      digest += ofRow(layer, firstToken + i, 0, rowBytes, src, offset + row);
      digest += ofRow(layer, firstToken + i, 1, rowBytes, src, values + row);
    }
    return digest;
  }

  /**
   * The digest of rows of two unlike parts: the first of all rows, then the second of all.
   *
   * @param secondBytes of the second part; 0 for rows of one part
   */
  public static long ofParts(
      int layer,
      int firstRow,
      int rows,
      int firstBytes,
      int secondBytes,
      MemorySegment src,
      long offset) {
    long digest = 0;
    long second = offset + (long) rows * firstBytes;
    for (int i = 0; i < rows; i++) {
      digest += ofRow(layer, firstRow + i, 0, firstBytes, src, offset + (long) i * firstBytes);
      if (secondBytes > 0) {
        digest += ofRow(layer, firstRow + i, 1, secondBytes, src, second + (long) i * secondBytes);
      }
    }
    return digest;
  }

  /** The digest of hidden rows of {@code rowBytes} each, which have the boundary as their layer. */
  public static long ofHidden(
      int boundary, int firstToken, int tokens, int rowBytes, MemorySegment src, long offset) {
    long digest = 0;
    for (int i = 0; i < tokens; i++) {
      digest += ofRow(boundary, firstToken + i, 0, rowBytes, src, offset + (long) i * rowBytes);
    }
    return digest;
  }

  private static long ofRow(
      int layer, int token, int part, int rowBytes, MemorySegment src, long offset) {
    long hash = 0;
    long at = offset;
    int left = rowBytes;
    for (; left > KEYS * Long.BYTES; left -= KEYS * Long.BYTES, at += KEYS * Long.BYTES) {
      hash = mix(hash + ofWords(src, at, KEYS));
    }
    int words = left / Long.BYTES;
    hash += ofWords(src, at, words);
    int rest = left % Long.BYTES;
    if (rest > 0) {
      hash += product(lastWord(src, at + (long) words * Long.BYTES, rest) ^ KEY[words]);
    }
    long place = ((long) layer << 32) | ((token & LOW) << 1) | part;
    return mix(hash ^ (place * GOLDEN + rowBytes));
  }

  // Four sums, because one would wait for itself.
  private static long ofWords(MemorySegment src, long offset, int words) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    int i = 0;
    for (; i < words - 3; i += 4) {
      long at = offset + (long) i * Long.BYTES;
      a += product(src.get(WORD, at) ^ KEY[i]);
      b += product(src.get(WORD, at + 8) ^ KEY[i + 1]);
      c += product(src.get(WORD, at + 16) ^ KEY[i + 2]);
      d += product(src.get(WORD, at + 24) ^ KEY[i + 3]);
    }
    for (; i < words; i++) {
      a += product(src.get(WORD, offset + (long) i * Long.BYTES) ^ KEY[i]);
    }
    return a + b + c + d;
  }

  /** The last bytes of a row, filled up with zeros. */
  private static long lastWord(MemorySegment src, long offset, int bytes) {
    long word = 0;
    for (int i = 0; i < bytes; i++) {
      word |= (src.get(ValueLayout.JAVA_BYTE, offset + i) & 0xFFL) << (8 * i);
    }
    return word;
  }

  private static long product(long x) {
    return (x & LOW) * (x >>> 32);
  }

  /** The finaliser of SplitMix64. */
  private static long mix(long x) {
    long z = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
