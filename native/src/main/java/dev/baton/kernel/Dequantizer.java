package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Turns a row of a GGUF tensor into floats: token embeddings, and norm weights of any type. Not for
 * the hot path of a matrix product, which never sees the floats.
 *
 * <p>Holds one block's scratch, so that a row costs no allocation; one thread at a time. Every
 * machine gets the same bits: {@code d * q} in the types without a minimum, {@code fma(d, q, m)} in
 * Q4_1 and Q5_1, {@code fma(d * scale, q, -(dmin * min))} in Q4_K and Q5_K, {@code (d * scale) * q}
 * in Q6_K.
 */
public final class Dequantizer {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final QuantBlock block = new QuantBlock();

  /**
   * A vector of a file as floats.
   *
   * @param memory gives it
   * @throws dev.baton.gguf.GgufException when the file cannot be read, or is cut off meanwhile
   */
  public static MemorySegment vector(GgufFile file, GgufTensor vector, SegmentAllocator memory) {
    int n = Math.toIntExact(vector.cols());
    MemorySegment floats = memory.allocate((long) n * Float.BYTES, 64);
    try (Arena reading = Arena.ofConfined()) {
      MemorySegment raw = reading.allocate(vector.byteSize(), 64);
      file.read(vector, 0, raw);
      new Dequantizer().row(vector.type(), raw, 0, n, floats, 0);
    }
    return floats;
  }

  /**
   * @param raw GGUF bytes
   * @param offset where in {@code raw} the row starts, in bytes
   * @param elements values in the row, a whole number of the type's blocks
   * @param out receives {@code elements} float32 at byte {@code outOffset}
   * @throws IllegalArgumentException when the row ends inside a block
   * @throws IndexOutOfBoundsException when the row does not lie in {@code raw} or in {@code out}
   */
  public void row(
      GgmlType type,
      MemorySegment raw,
      long offset,
      int elements,
      MemorySegment out,
      long outOffset) {
    long bytes = type.rowBytes(elements);
    Objects.checkFromIndexSize(offset, bytes, raw.byteSize());
    Objects.checkFromIndexSize(outOffset, (long) elements * Float.BYTES, out.byteSize());
    switch (type) {
      case F32 -> MemorySegment.copy(raw, offset, out, outOffset, bytes);
      case F16 -> {
        for (int i = 0; i < elements; i++) {
          put(out, outOffset, i, Numerics.fromF16(raw.get(SHORT, offset + 2L * i)));
        }
      }
      case BF16 -> {
        for (int i = 0; i < elements; i++) {
          put(out, outOffset, i, Numerics.fromBf16(raw.get(SHORT, offset + 2L * i)));
        }
      }
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          blocks(type, raw, offset, elements, out, outOffset);
    }
  }

  private void blocks(
      GgmlType type,
      MemorySegment raw,
      long offset,
      int elements,
      MemorySegment out,
      long outOffset) {
    long at = offset;
    for (int i = 0; i < elements; i += type.blockElements()) {
      block.read(type, raw, at);
      for (int k = 0; k < type.blockElements(); k++) {
        put(out, outOffset, i + k, value(type, block, k));
      }
      at += type.blockBytes();
    }
  }

  private static float value(GgmlType type, QuantBlock b, int k) {
    return switch (type) {
      case Q4_0, Q5_0, Q8_0 -> b.d * (b.q[k] - QuantBlock.zeroPoint(type));
      case Q4_1, Q5_1 -> Math.fma(b.d, b.q[k], b.min);
      case Q4_K, Q5_K -> {
        int j = k / QuantBlock.K_SUB_BLOCK;
        yield Math.fma(b.d * b.scales[j], b.q[k], -(b.min * b.mins[j]));
      }
      case Q6_K ->
          (b.d * b.scales[k / QuantBlock.Q6_K_SUB_BLOCK]) * (b.q[k] - QuantBlock.zeroPoint(type));
      case F32, F16, BF16 ->
          throw new IllegalArgumentException(type + " has no quantisation blocks");
    };
  }

  private static void put(MemorySegment out, long offset, int i, float value) {
    out.set(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + (long) i * Float.BYTES, value);
  }
}
