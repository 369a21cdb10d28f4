package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One quantisation block of a GGUF tensor taken apart: the unsigned integers as stored, in element
 * order, and the scales that belong to them. Mutable, so that one instance serves a whole matrix;
 * one thread at a time.
 *
 * <p>Source: block layouts of ggml's {@code ggml-common.h}.
 */
final class QuantBlock {
  /** Elements that share one integer scale in Q4_K and Q5_K. */
  static final int K_SUB_BLOCK = 32;

  /** Elements that share one integer scale in Q6_K. */
  static final int Q6_K_SUB_BLOCK = 16;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Stored values, never negative; Q8_0 counts as its signed value + 128. */
  final int[] q = new int[256];

  /**
   * Integer scales of the sub-blocks: 8 of 32 elements in Q4_K and Q5_K, 16 of 16 (signed) in Q6_K.
   */
  final int[] scales = new int[16];

  /** Integer minimums of the 8 sub-blocks in Q4_K and Q5_K. */
  final int[] mins = new int[8];

  /** The block's f16 scale. */
  float d;

  /** The block's f16 minimum: {@code m} of Q4_1 and Q5_1, {@code dmin} of Q4_K and Q5_K. */
  float min;

  /**
   * What the stored value of zero is: subtracted from {@link #q} in the types without a minimum.
   */
  static int zeroPoint(GgmlType type) {
    return switch (type) {
      case Q4_0 -> 8;
      case Q5_0 -> 16;
      case Q8_0 -> 128;
      case Q6_K -> 32;
      case Q4_1, Q5_1, Q4_K, Q5_K, F32, F16, BF16 -> 0;
    };
  }

  /**
   * Reads the block of {@code type} that starts at byte {@code at}; no other fields than the type
   * has are written.
   */
  void read(GgmlType type, MemorySegment raw, long at) {
    switch (type) {
      case Q4_0 -> {
        d = f16(raw, at);
        nibbles(raw, at + 2);
      }
      case Q4_1 -> {
        d = f16(raw, at);
        min = f16(raw, at + 2);
        nibbles(raw, at + 4);
      }
      case Q5_0 -> {
        d = f16(raw, at);
        nibbles(raw, at + 6);
        fifthBits(raw.get(INT, at + 2));
      }
      case Q5_1 -> {
        d = f16(raw, at);
        min = f16(raw, at + 2);
        nibbles(raw, at + 8);
        fifthBits(raw.get(INT, at + 4));
      }
      case Q8_0 -> {
        d = f16(raw, at);
        for (int i = 0; i < 32; i++) {
          q[i] = raw.get(ValueLayout.JAVA_BYTE, at + 2 + i) + 128;
        }
      }
      case Q4_K -> {
        kHeader(raw, at);
        kNibbles(raw, at + 16);
      }
      case Q5_K -> {
        kHeader(raw, at);
        kNibbles(raw, at + 48);
        kFifthBits(raw, at + 16);
      }
      case Q6_K -> q6k(raw, at);
      case F32, F16, BF16 ->
          throw new IllegalArgumentException(type + " has no quantisation blocks");
    }
  }

  /** 16 bytes: low nibbles are elements 0..15, high nibbles 16..31. */
  private void nibbles(MemorySegment raw, long at) {
    for (int i = 0; i < 16; i++) {
      int b = unsigned(raw, at + i);
      q[i] = b & 15;
      q[i + 16] = b >>> 4;
    }
  }

  /** Bit i is the fifth bit of element i. */
  private void fifthBits(int bits) {
    for (int i = 0; i < 32; i++) {
      q[i] |= (bits >>> i & 1) << 4;
    }
  }

  /** d, dmin, and 8 scales and 8 minimums of 6 bits in 12 bytes. */
  private void kHeader(MemorySegment raw, long at) {
    d = f16(raw, at);
    min = f16(raw, at + 2);
    long packed = at + 4;
    for (int j = 0; j < 4; j++) {
      int s = unsigned(raw, packed + j);
      int m = unsigned(raw, packed + 4 + j);
      int both = unsigned(raw, packed + 8 + j);
      scales[j] = s & 63;
      mins[j] = m & 63;
      scales[j + 4] = (both & 15) | (s >>> 6 << 4);
      mins[j + 4] = (both >>> 4) | (m >>> 6 << 4);
    }
  }

  /**
   * Four runs of 32 bytes, each with the low nibbles of one sub-block and the high nibbles of the
   * next.
   */
  private void kNibbles(MemorySegment raw, long at) {
    for (int run = 0; run < 4; run++) {
      for (int i = 0; i < 32; i++) {
        int b = unsigned(raw, at + 32L * run + i);
        q[64 * run + i] = b & 15;
        q[64 * run + 32 + i] = b >>> 4;
      }
    }
  }

  /** 32 bytes: bit j of byte i is the fifth bit of element i of sub-block j. */
  private void kFifthBits(MemorySegment raw, long at) {
    for (int i = 0; i < 32; i++) {
      int bits = unsigned(raw, at + i);
      for (int j = 0; j < 8; j++) {
        q[32 * j + i] |= (bits >>> j & 1) << 4;
      }
    }
  }

  /**
   * 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, d; each half of 128 elements
   * on its own.
   */
  private void q6k(MemorySegment raw, long at) {
    for (int half = 0; half < 2; half++) {
      long low = at + 64L * half;
      long high = at + 128 + 32L * half;
      for (int i = 0; i < 32; i++) {
        int a = unsigned(raw, low + i);
        int b = unsigned(raw, low + 32 + i);
        int h = unsigned(raw, high + i);
        int to = 128 * half + i;
        q[to] = (a & 15) | ((h & 3) << 4);
        q[to + 32] = (b & 15) | ((h >>> 2 & 3) << 4);
        q[to + 64] = (a >>> 4) | ((h >>> 4 & 3) << 4);
        q[to + 96] = (b >>> 4) | (h >>> 6 << 4);
      }
    }
    for (int j = 0; j < 16; j++) {
      scales[j] = raw.get(ValueLayout.JAVA_BYTE, at + 192 + j);
    }
    d = f16(raw, at + 208);
  }

  private static int unsigned(MemorySegment raw, long at) {
    return raw.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  private static float f16(MemorySegment raw, long at) {
    return Numerics.fromF16(raw.get(SHORT, at));
  }
}
