package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The digest of KV rows: the sum modulo 2^64 of one XXH64 for each row, seeded with the row's
 * place. A sum, so that slices may be cut anyhow and come in any order; seeded, so that rows which
 * changed places are noticed.
 *
 * <p>Source: the xxHash specification, "XXH64 Algorithm Description".
 */
final class SliceDigest {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final long P1 = 0x9E3779B185EBCA87L;
  private static final long P2 = 0xC2B2AE3D27D4EB4FL;
  private static final long P3 = 0x165667B19E3779F9L;
  private static final long P4 = 0x85EBCA77C2B2AE63L;
  private static final long P5 = 0x27D4EB2F165667C5L;

  private SliceDigest() {}

  /** The digest of a slice: K rows of all its tokens and then V rows, {@code rowBytes} each. */
  static long ofSlice(
      int layer, int firstToken, int tokens, int rowBytes, MemorySegment src, long offset) {
    long digest = 0;
    long values = offset + (long) tokens * rowBytes;
    for (int i = 0; i < tokens; i++) {
      long row = (long) i * rowBytes;
      digest += xxh64(src, offset + row, rowBytes, seed(layer, firstToken + i, 0));
      digest += xxh64(src, values + row, rowBytes, seed(layer, firstToken + i, 1));
    }
    return digest;
  }

  /** The digest of hidden rows at the boundary layer. */
  static long ofHidden(
      int boundary, int firstToken, int tokens, int rowBytes, MemorySegment src, long offset) {
    long digest = 0;
    for (int i = 0; i < tokens; i++) {
      digest +=
          xxh64(src, offset + (long) i * rowBytes, rowBytes, seed(boundary, firstToken + i, 0));
    }
    return digest;
  }

  private static long seed(int layer, int token, int part) {
    return ((long) layer << 32) | ((long) token << 1) | part;
  }

  static long xxh64(MemorySegment src, long offset, int length, long seed) {
    long at = offset;
    long end = offset + length;
    long hash;
    if (length >= 32) {
      long a = seed + P1 + P2;
      long b = seed + P2;
      long c = seed;
      long d = seed - P1;
      for (; at <= end - 32; at += 32) {
        a = round(a, src.get(LONG, at));
        b = round(b, src.get(LONG, at + 8));
        c = round(c, src.get(LONG, at + 16));
        d = round(d, src.get(LONG, at + 24));
      }
      hash =
          Long.rotateLeft(a, 1)
              + Long.rotateLeft(b, 7)
              + Long.rotateLeft(c, 12)
              + Long.rotateLeft(d, 18);
      hash = merge(merge(merge(merge(hash, a), b), c), d);
    } else {
      hash = seed + P5;
    }
    return tail(src, at, end, hash + length);
  }

  private static long tail(MemorySegment src, long from, long end, long start) {
    long hash = start;
    long at = from;
    for (; at <= end - 8; at += 8) {
      hash = Long.rotateLeft(hash ^ round(0, src.get(LONG, at)), 27) * P1 + P4;
    }
    if (at <= end - 4) {
      hash = Long.rotateLeft(hash ^ ((src.get(INT, at) & 0xFFFFFFFFL) * P1), 23) * P2 + P3;
      at += 4;
    }
    for (; at < end; at++) {
      hash = Long.rotateLeft(hash ^ ((src.get(BYTE, at) & 0xFFL) * P5), 11) * P1;
    }
    hash = (hash ^ (hash >>> 33)) * P2;
    hash = (hash ^ (hash >>> 29)) * P3;
    return hash ^ (hash >>> 32);
  }

  private static long round(long lane, long word) {
    return Long.rotateLeft(lane + word * P2, 31) * P1;
  }

  private static long merge(long hash, long lane) {
    return (hash ^ round(0, lane)) * P1 + P4;
  }
}
