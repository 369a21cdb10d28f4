package dev.baton.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Where K and V of a token stand in the cache, and the copies in and out of it.
 *
 * <p>Stateless; any thread.
 */
final class ReferenceKv {
  private static final int SLOTS = KvGeometry.BLOCK_TOKENS;
  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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
        long key = keyColumn(kv, layer, head, token);
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

  /** Cache to wire. */
  static void exportTo(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset) {
    int headBytes = headBytes(kv, type);
    long keyAt = dstOffset;
    long valueAt = dstOffset + (long) tokens * kv.geometry().kvHeads() * headBytes;
    for (int token = firstToken; token < firstToken + tokens; token++) {
      for (int head = 0; head < kv.geometry().kvHeads(); head++) {
        write(kv, keyColumn(kv, layer, head, token), SLOTS, type, dst, keyAt);
        write(kv, valueRow(kv, layer, head, token), 1, type, dst, valueAt);
        keyAt += headBytes;
        valueAt += headBytes;
      }
    }
  }

  /** Wire to cache. */
  static void importFrom(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset) {
    int headBytes = headBytes(kv, type);
    long keyAt = srcOffset;
    long valueAt = srcOffset + (long) tokens * kv.geometry().kvHeads() * headBytes;
    for (int token = firstToken; token < firstToken + tokens; token++) {
      for (int head = 0; head < kv.geometry().kvHeads(); head++) {
        read(kv, keyColumn(kv, layer, head, token), SLOTS, type, src, keyAt);
        read(kv, valueRow(kv, layer, head, token), 1, type, src, valueAt);
        keyAt += headBytes;
        valueAt += headBytes;
      }
    }
  }

  private static int headBytes(KvView kv, KvWireType type) {
    return type.tokenBytes(kv.geometry()) / (2 * kv.geometry().kvHeads());
  }

  /** One head's values, {@code step} apart in the pool, in wire form. */
  private static void write(
      KvView kv, long from, int step, KvWireType type, MemorySegment dst, long to) {
    int dim = kv.geometry().headDim();
    if (type == KvWireType.F16) {
      for (int d = 0; d < dim; d++) {
        short bits = kv.pool().get(ValueLayout.JAVA_SHORT, from + 2L * step * d);
        dst.set(F16, to + 2L * d, bits);
      }
      return;
    }
    for (int run = 0; run < dim / KvWireType.Q8_RUN_VALUES; run++) {
      long values = from + 2L * step * KvWireType.Q8_RUN_VALUES * run;
      writeRun(kv.pool(), values, step, dst, to + (long) KvWireType.Q8_RUN_BYTES * run);
    }
  }

  private static void writeRun(
      MemorySegment pool, long from, int step, MemorySegment dst, long to) {
    int most = 0;
    for (int i = 0; i < KvWireType.Q8_RUN_VALUES; i++) {
      most = Math.max(most, bits(pool, from, step, i) & 0x7FFF); // magnitudes order like their bits
    }
    float found = Numerics.fromF16((short) most);
    float amax = found < Numerics.F16_MAX ? found : Numerics.F16_MAX;
    short scale = Float.floatToFloat16(amax / 127f);
    float d = Numerics.fromF16(scale);
    float inverse = d > 0f ? 1f / d : 0f;
    dst.set(F16, to, scale);
    for (int i = 0; i < KvWireType.Q8_RUN_VALUES; i++) {
      float scaled = Numerics.fromF16(bits(pool, from, step, i)) * inverse;
      float below = scaled < 127f ? scaled : 127f; // a NaN becomes that too
      float q = Numerics.rint(below > -127f ? below : -127f);
      dst.set(ValueLayout.JAVA_BYTE, to + Short.BYTES + i, (byte) q);
    }
  }

  private static short bits(MemorySegment pool, long from, int step, int i) {
    return pool.get(ValueLayout.JAVA_SHORT, from + 2L * step * i);
  }

  /** The reverse of {@link #write}. */
  private static void read(
      KvView kv, long to, int step, KvWireType type, MemorySegment src, long from) {
    for (int d = 0; d < kv.geometry().headDim(); d++) {
      short bits =
          switch (type) {
            case F16 -> src.get(F16, from + 2L * d);
            case Q8 -> readQ8(src, from, d);
          };
      kv.pool().set(ValueLayout.JAVA_SHORT, to + 2L * step * d, bits);
    }
  }

  private static short readQ8(MemorySegment src, long from, int d) {
    long run = from + (long) KvWireType.Q8_RUN_BYTES * (d / KvWireType.Q8_RUN_VALUES);
    long at = run + Short.BYTES + d % KvWireType.Q8_RUN_VALUES;
    float q = src.get(ValueLayout.JAVA_BYTE, at);
    return Numerics.toF16Saturating(q * Numerics.fromF16(src.get(F16, run)));
  }

  private static long keyColumn(KvView kv, int layer, int kvHead, int token) {
    return keyPlane(kv, layer, kvHead, token) + 2L * (token % SLOTS);
  }

  private static long valueRow(KvView kv, int layer, int kvHead, int token) {
    KvGeometry geometry = kv.geometry();
    return keyPlane(kv, layer, kvHead, token)
        + geometry.planeBytes()
        + 2L * (token % SLOTS) * geometry.headDim();
  }
}
