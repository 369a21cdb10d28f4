package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The matrix product of the contract over a GGUF tensor's own rows. Each weight block is unpacked
 * once and used for all tokens. Holds scratch: one thread at a time.
 */
final class ReferenceMatmul {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final QuantBlock block = new QuantBlock();
  private float[] chains = new float[0];

  /** {@code out[t][r]} for all rows; arguments were checked. */
  void multiply(PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate) {
    if (chains.length < tokens) {
      chains = new float[tokens];
    }
    long rowBytes = w.type().rowBytes(w.cols());
    for (int r = 0; r < w.rows(); r++) {
      Arrays.fill(chains, 0, tokens, 0f);
      switch (w.type()) {
        case F32, F16, BF16 -> plainRow(w, r * rowBytes, x, tokens);
        case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
            quantizedRow(w, r * rowBytes, x, tokens);
      }
      for (int t = 0; t < tokens; t++) {
        long at = (long) t * w.rows() + r;
        float sum = accumulate ? out.getAtIndex(ValueLayout.JAVA_FLOAT, at) + chains[t] : chains[t];
        out.setAtIndex(ValueLayout.JAVA_FLOAT, at, sum);
      }
    }
  }

  private void plainRow(PackedMatrix w, long row, Activations x, int tokens) {
    for (int k = 0; k < w.cols(); k++) {
      float weight = plainWeight(w.type(), w.data(), row, k);
      for (int t = 0; t < tokens; t++) {
        float value = x.f32().getAtIndex(ValueLayout.JAVA_FLOAT, (long) t * w.cols() + k);
        chains[t] = Math.fma(weight, value, chains[t]);
      }
    }
  }

  private static float plainWeight(GgmlType type, MemorySegment data, long row, int k) {
    return switch (type) {
      case F32 -> data.get(FLOAT, row + 4L * k);
      case F16 -> Numerics.fromF16(data.get(SHORT, row + 2L * k));
      case BF16 -> Numerics.fromBf16(data.get(SHORT, row + 2L * k));
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          throw new IllegalArgumentException(type + " is quantised");
    };
  }

  private void quantizedRow(PackedMatrix w, long row, Activations x, int tokens) {
    ActivationKind kind = ActivationKind.of(w.type());
    MemorySegment form = x.form(kind);
    int size = w.type().blockElements();
    long tokenBytes = ReferenceQuantizer.rowBytes(kind, w.cols());
    for (int b = 0; b < w.cols() / size; b++) {
      block.read(w.type(), w.data(), row + (long) b * w.type().blockBytes());
      for (int t = 0; t < tokens; t++) {
        float scale =
            form.get(ValueLayout.JAVA_FLOAT, ReferenceQuantizer.scaleAt(kind, w.cols(), t, b));
        chains[t] = step(w.type(), form, t * tokenBytes + (long) b * size, scale, chains[t]);
      }
    }
  }

  /** One block of one row against one token, whose signed bytes start at {@code at}. */
  private float step(GgmlType type, MemorySegment x, long at, float scale, float chain) {
    return switch (type) {
      case Q4_0, Q5_0, Q8_0 -> {
        int dot = dot(x, at, 0, 32, QuantBlock.zeroPoint(type));
        yield Math.fma((float) dot, block.d * scale, chain);
      }
      case Q4_1, Q5_1 -> {
        float c = Math.fma((float) dot(x, at, 0, 32, 0), block.d * scale, chain);
        yield Math.fma(block.min, scale * (float) sum(x, at, 32), c);
      }
      case Q4_K, Q5_K -> {
        float s = 0f;
        int mins = 0;
        for (int j = 0; j < 8; j++) {
          int from = QuantBlock.K_SUB_BLOCK * j;
          s =
              Math.fma(
                  (float) dot(x, at, from, QuantBlock.K_SUB_BLOCK, 0),
                  block.d * block.scales[j],
                  s);
          mins += block.mins[j] * sum(x, at + from, QuantBlock.K_SUB_BLOCK);
        }
        yield Math.fma(Math.fma(-block.min, (float) mins, s), scale, chain);
      }
      case Q6_K -> {
        float s = 0f;
        for (int j = 0; j < 16; j++) {
          int dot =
              dot(
                  x,
                  at,
                  QuantBlock.Q6_K_SUB_BLOCK * j,
                  QuantBlock.Q6_K_SUB_BLOCK,
                  QuantBlock.zeroPoint(type));
          s = Math.fma((float) dot, block.d * block.scales[j], s);
        }
        yield Math.fma(s, scale, chain);
      }
      case F32, F16, BF16 ->
          throw new IllegalArgumentException(type + " has no quantisation blocks");
    };
  }

  private int dot(MemorySegment x, long at, int from, int count, int zeroPoint) {
    int dot = 0;
    for (int i = from; i < from + count; i++) {
      dot += (block.q[i] - zeroPoint) * x.get(ValueLayout.JAVA_BYTE, at + i);
    }
    return dot;
  }

  private static int sum(MemorySegment x, long at, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
      sum += x.get(ValueLayout.JAVA_BYTE, at + i);
    }
    return sum;
  }
}
