package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Seeded tensors; the same seed and the same calls give the same bytes. */
final class RandomTensors {
  private final SplittableRandom random;
  private final Arena arena;

  RandomTensors(long seed, Arena arena) {
    this.random = new SplittableRandom(seed);
    this.arena = arena;
  }

  /** Mostly in (-1, 1), with zeros and a few outliers. */
  float value() {
    int kind = random.nextInt(32);
    float v = (float) (2 * random.nextDouble() - 1);
    return kind == 0 ? 0f : kind == 1 ? 20 * v : v;
  }

  MemorySegment floats(long count) {
    MemorySegment out = arena.allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      out.setAtIndex(ValueLayout.JAVA_FLOAT, i, value());
    }
    return out;
  }

  /** Finite f16 in (-4, 4), denormals among them. */
  short f16() {
    return Float.floatToFloat16(random.nextInt(16) == 0 ? value() * 0x1p-18f : value() / 5);
  }

  MemorySegment f16s(long count) {
    MemorySegment out = arena.allocate(count * Short.BYTES, 64);
    for (long i = 0; i < count; i++) {
      out.setAtIndex(ValueLayout.JAVA_SHORT, i, f16());
    }
    return out;
  }

  MemorySegment bytes(long count) {
    MemorySegment out = arena.allocate(count, 64);
    for (long i = 0; i < count; i++) {
      out.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    return out;
  }

  /** A GGUF tensor of any bit pattern whose floats are finite. */
  MemorySegment weights(GgmlType type, int rows, int cols) {
    MemorySegment out = arena.allocate(rows * type.rowBytes(cols), 64);
    if (type == GgmlType.F32) {
      return out.copyFrom(floats((long) rows * cols));
    }
    for (long i = 0; i < out.byteSize(); i++) {
      out.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    for (long at = 0; at < out.byteSize(); at += type.blockBytes()) {
      switch (type) {
        case F16, Q4_0, Q5_0, Q8_0 -> putF16(out, at);
        case Q4_1, Q5_1, Q4_K, Q5_K -> {
          putF16(out, at);
          putF16(out, at + 2);
        }
        case Q6_K -> putF16(out, at + 208);
        case BF16 ->
            out.set(
                ValueLayout.JAVA_SHORT_UNALIGNED,
                at,
                (short) (Float.floatToIntBits(value()) >>> 16));
        case F32 -> throw new AssertionError("handled above");
      }
    }
    return out;
  }

  private void putF16(MemorySegment out, long at) {
    out.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, f16());
  }

  /**
   * A cache for {@code tokens} tokens whose blocks lie in scrambled order and hold random finite
   * values.
   */
  KvView cache(KvGeometry geometry, int tokens) {
    return caches(geometry, tokens)[0];
  }

  /**
   * The same for several sequences in one pool: two blocks of nobody, then each one's, reversed.
   */
  KvView[] caches(KvGeometry geometry, int... tokens) {
    int spare = 2;
    int[] blocks = new int[tokens.length];
    int all = spare;
    for (int i = 0; i < tokens.length; i++) {
      blocks[i] = Math.ceilDiv(tokens[i], KvGeometry.BLOCK_TOKENS);
      all += blocks[i];
    }
    MemorySegment pool = f16s(all * geometry.blockBytes() / Short.BYTES);
    KvView[] views = new KvView[tokens.length];
    int end = spare;
    for (int i = 0; i < tokens.length; i++) {
      MemorySegment table = arena.allocate((long) blocks[i] * Integer.BYTES, 64);
      end += blocks[i];
      for (int j = 0; j < blocks[i]; j++) {
        table.setAtIndex(ValueLayout.JAVA_INT, j, end - 1 - j);
      }
      views[i] = new KvView(geometry, pool, table);
    }
    return views;
  }
}
