package dev.baton.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/**
 * Random tensor data: every bit pattern of the quants and of the packed sub-scales occurs, the
 * scales are tamed.
 */
public final class RandomBlocks {
  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RandomBlocks() {}

  /**
   * {@code elements} values, whole blocks of {@code type}, with mean about 0 and standard deviation
   * about {@code deviation}.
   */
  public static MemorySegment of(
      GgmlType type, long elements, double deviation, SplittableRandom random) {
    byte[] bytes = new byte[Math.toIntExact(type.rowBytes(elements))];
    random.nextBytes(bytes);
    MemorySegment data = MemorySegment.ofArray(bytes);
    for (long at = 0; at < bytes.length; at += type.blockBytes()) {
      tame(type, data, at, deviation, random);
    }
    return data;
  }

  /**
   * Sets a block's scales; the divisors are the standard deviations of uniformly random quants at a
   * scale of 1.
   */
  private static void tame(
      GgmlType type, MemorySegment data, long at, double deviation, SplittableRandom random) {
    double value = deviation * random.nextGaussian();
    double scale = deviation * (0.5 + random.nextDouble());
    switch (type) {
      case F32 -> data.set(F32, at, (float) value);
      case F16 -> half(data, at, value);
      case BF16 -> data.set(F16, at, (short) (Float.floatToRawIntBits((float) value) >>> 16));
      case Q4_0 -> half(data, at, scale / 4.6);
      case Q5_0 -> half(data, at, scale / 9.2);
      case Q8_0 -> half(data, at, scale / 74);
      case Q4_1 -> withMinimum(data, at, scale / 4.6, -7.5);
      case Q5_1 -> withMinimum(data, at, scale / 9.2, -15.5);
      case Q4_K -> withMinimum(data, at, scale / 258, 7.5);
      case Q5_K -> withMinimum(data, at, scale / 527, 15.5);
      case Q6_K -> half(data, at + 208, scale / 1366);
    }
  }

  /**
   * A scale and the minimum, or the scale of the minima, that puts the middle of the quants at 0.
   */
  private static void withMinimum(MemorySegment data, long at, double scale, double middle) {
    half(data, at, scale);
    half(data, at + Short.BYTES, scale * middle);
  }

  private static void half(MemorySegment data, long at, double value) {
    data.set(F16, at, Float.floatToFloat16((float) value));
  }
}
