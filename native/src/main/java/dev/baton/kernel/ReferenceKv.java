package dev.baton.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where K and V of a token stand in the cache, and the copies in and out of it.
 *
 * <p>Stateless; any thread.
 */
final class ReferenceKv {
  private static final int SLOTS = KvGeometry.BLOCK_TOKENS;

  private ReferenceKv() {}

  /**
   * Byte offset in the pool of K {@code [headDim][64]} in the block of {@code token}; V follows it.
   */
  static long keyPlane(KvView kv, int layer, int kvHead, int token) {
    KvGeometry geometry = kv.geometry();
    int block = kv.blockTable().getAtIndex(ValueLayout.JAVA_INT, token / SLOTS);
    return block * geometry.blockBytes()
        + layer * geometry.layerBytes()
        + 2L * kvHead * geometry.planeBytes();
  }

  /** {@code k} and {@code v} rows from {@code row} on, clamped to f16. */
  static void store(
      KvView kv,
      int layer,
      MemorySegment k,
      MemorySegment v,
      long row,
      int firstToken,
      int tokens) {
    int dim = kv.geometry().headDim();
    long at = row * kv.geometry().kvHeads() * dim;
    for (int token = firstToken; token < firstToken + tokens; token++) {
      for (int head = 0; head < kv.geometry().kvHeads(); head++) {
        long key = keyPlane(kv, layer, head, token) + 2L * (token % SLOTS);
        long value = valueRow(kv, layer, head, token);
        for (int d = 0; d < dim; d++) {
          short keyBits = Numerics.toF16Saturating(k.getAtIndex(ValueLayout.JAVA_FLOAT, at + d));
          short valueBits = Numerics.toF16Saturating(v.getAtIndex(ValueLayout.JAVA_FLOAT, at + d));
          kv.pool().set(ValueLayout.JAVA_SHORT, key + 2L * SLOTS * d, keyBits);
          kv.pool().set(ValueLayout.JAVA_SHORT, value + 2L * d, valueBits);
        }
        at += dim;
      }
    }
  }

  /** Cache to wire: K {@code [token][kvHead][headDim]}, then V alike. */
  static void exportTo(
      KvView kv, int layer, int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    int dim = kv.geometry().headDim();
    long keyAt = dstOffset;
    long valueAt = dstOffset + (long) tokens * kv.geometry().tokenBytes() / 2;
    for (int token = firstToken; token < firstToken + tokens; token++) {
      for (int head = 0; head < kv.geometry().kvHeads(); head++) {
        long key = keyPlane(kv, layer, head, token) + 2L * (token % SLOTS);
        for (int d = 0; d < dim; d++) {
          short bits = kv.pool().get(ValueLayout.JAVA_SHORT, key + 2L * SLOTS * d);
          dst.set(ValueLayout.JAVA_SHORT_UNALIGNED, keyAt + 2L * d, bits);
        }
        MemorySegment.copy(kv.pool(), valueRow(kv, layer, head, token), dst, valueAt, 2L * dim);
        keyAt += 2L * dim;
        valueAt += 2L * dim;
      }
    }
  }

  /** Wire to cache. */
  static void importFrom(
      KvView kv, int layer, int firstToken, int tokens, MemorySegment src, long srcOffset) {
    int dim = kv.geometry().headDim();
    long keyAt = srcOffset;
    long valueAt = srcOffset + (long) tokens * kv.geometry().tokenBytes() / 2;
    for (int token = firstToken; token < firstToken + tokens; token++) {
      for (int head = 0; head < kv.geometry().kvHeads(); head++) {
        long key = keyPlane(kv, layer, head, token) + 2L * (token % SLOTS);
        for (int d = 0; d < dim; d++) {
          short bits = src.get(ValueLayout.JAVA_SHORT_UNALIGNED, keyAt + 2L * d);
          kv.pool().set(ValueLayout.JAVA_SHORT, key + 2L * SLOTS * d, bits);
        }
        MemorySegment.copy(src, valueAt, kv.pool(), valueRow(kv, layer, head, token), 2L * dim);
        keyAt += 2L * dim;
        valueAt += 2L * dim;
      }
    }
  }

  private static long valueRow(KvView kv, int layer, int kvHead, int token) {
    KvGeometry geometry = kv.geometry();
    return keyPlane(kv, layer, kvHead, token)
        + geometry.planeBytes()
        + 2L * (token % SLOTS) * geometry.headDim();
  }
}
