package dev.baton.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The reference's quantised activation rows: {@code cols} signed bytes, then one float32 scale a
 * block.
 *
 * <p>Stateless; any thread.
 */
final class ReferenceQuantizer {
  private ReferenceQuantizer() {}

  /** Values that share one scale; a row of plain floats has none. */
  static int blockElements(ActivationKind kind) {
    return switch (kind) {
      case Q8_32 -> 32;
      case Q8_256 -> 256;
      case F32 -> throw new IllegalArgumentException("float32 rows have no blocks");
    };
  }

  /** Bytes of one quantised row. */
  static long rowBytes(ActivationKind kind, int cols) {
    return cols + (long) cols / blockElements(kind) * Float.BYTES;
  }

  /** Byte offset of the scale of a row's block in {@code x.form(kind)}. */
  static long scaleAt(ActivationKind kind, int cols, long row, int block) {
    return row * rowBytes(kind, cols) + cols + (long) block * Float.BYTES;
  }

  /** Quantises rows [first, first + tokens) into every form that {@code x} holds. */
  static void quantize(Activations x, long first, int tokens) {
    for (long row = first; row < first + tokens; row++) {
      if (x.has(ActivationKind.Q8_32)) {
        quantizeRow(x, ActivationKind.Q8_32, row);
      }
      if (x.has(ActivationKind.Q8_256)) {
        quantizeRow(x, ActivationKind.Q8_256, row);
      }
    }
  }

  private static void quantizeRow(Activations x, ActivationKind kind, long row) {
    int size = blockElements(kind);
    MemorySegment to = x.form(kind);
    long floats = row * x.cols();
    long bytes = row * rowBytes(kind, x.cols());
    for (int block = 0; block < x.cols() / size; block++) {
      float amax = 0f;
      for (int i = 0; i < size; i++) {
        amax = Math.max(amax, Math.abs(x.f32().getAtIndex(ValueLayout.JAVA_FLOAT, floats + i)));
      }
      float inverse = amax >= Numerics.QUANT_MIN ? 127f / amax : 0f;
      for (int i = 0; i < size; i++) {
        float value = x.f32().getAtIndex(ValueLayout.JAVA_FLOAT, floats + i);
        to.set(ValueLayout.JAVA_BYTE, bytes + i, (byte) Numerics.rint(value * inverse));
      }
      to.set(ValueLayout.JAVA_FLOAT, scaleAt(kind, x.cols(), row, block), amax / 127f);
      floats += size;
      bytes += size;
    }
  }
}
