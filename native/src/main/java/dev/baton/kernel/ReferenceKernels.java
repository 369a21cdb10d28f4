package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Set;

/**
 * The numeric contract in plain Java: the oracle that the native kernels equal bit for bit, and
 * what runs where they could not be built. Matrices stay as they are in the file. One thread, the
 * caller's.
 */
public final class ReferenceKernels implements Kernels {
  /** Scratch of one calling thread. */
  private static final class Scratch {
    final ReferenceMatmul matmul = new ReferenceMatmul();
    final ReferenceAttention attention = new ReferenceAttention();
    final float[] lanes = new float[ReferenceAttention.LANES];
  }

  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  @Override
  public String description() {
    return "java reference";
  }

  @Override
  public String isa() {
    return "java";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public PackedMatrix pack(
      GgmlType type, MemorySegment raw, int rows, int cols, SegmentAllocator memory) {
    KernelArguments.checkPack(type, raw, rows, cols);
    return new PackedMatrix(type, rows, cols, raw);
  }

  /** None: matrices stay where they are. */
  @Override
  public long packedBytes(GgmlType type, int rows, int cols) {
    return 0;
  }

  @Override
  public Activations activations(int maxTokens, int cols, Set<ActivationKind> kinds, Arena arena) {
    KernelArguments.checkActivations(maxTokens, cols, kinds);
    return new Activations(
        maxTokens,
        cols,
        kinds,
        ReferenceQuantizer.rowBytes(ActivationKind.Q8_32, cols),
        ReferenceQuantizer.rowBytes(ActivationKind.Q8_256, cols),
        arena);
  }

  @Override
  public void quantize(Activations x, int tokens) {
    KernelArguments.checkRows(x, 0, tokens);
    ReferenceQuantizer.quantize(x, 0, tokens);
  }

  @Override
  public void rmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, float eps, int tokens, Activations out) {
    KernelArguments.checkRmsNorm(x, xRow, weight, tokens, out);
    float[] lanes = scratch.get().lanes;
    int n = out.cols();
    for (int t = 0; t < tokens; t++) {
      long from = (xRow + t) * n;
      Arrays.fill(lanes, 0f);
      for (int i = 0; i < n; i++) {
        float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, from + i);
        lanes[i % lanes.length] = Math.fma(value, value, lanes[i % lanes.length]);
      }
      float mean = ReferenceAttention.foldLanes(lanes) / n;
      float r = 1f / (float) Math.sqrt(mean + eps);
      for (int i = 0; i < n; i++) {
        float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, from + i);
        float normed = (value * r) * weight.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        out.f32().setAtIndex(ValueLayout.JAVA_FLOAT, (long) t * n + i, normed);
      }
    }
    ReferenceQuantizer.quantize(out, 0, tokens);
  }

  @Override
  public void matmul(
      PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate) {
    KernelArguments.checkMatmul(w, x, tokens, out);
    scratch.get().matmul.multiply(w, x, tokens, out, accumulate);
  }

  @Override
  public void rope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table) {
    KernelArguments.checkRope(x, rows, heads, headDim, table);
    MemorySegment turns = table.rows(rows.endPosition());
    for (int run = 0; run < rows.count(); run++) {
      for (int t = 0; t < rows.tokens(run); t++) {
        long angles = (rows.firstPosition(run) + t) * 2L * table.pairs();
        for (int head = 0; head < heads; head++) {
          long at = ((rows.firstRow(run) + t) * (long) heads + head) * headDim;
          rotate(x, at, turns, angles, table.pairs());
        }
      }
    }
  }

  private static void rotate(
      MemorySegment x, long at, MemorySegment turns, long angles, int pairs) {
    for (int i = 0; i < 2 * pairs; i += 2) {
      float cos = turns.getAtIndex(ValueLayout.JAVA_FLOAT, angles + i);
      float sin = turns.getAtIndex(ValueLayout.JAVA_FLOAT, angles + i + 1);
      float a = x.getAtIndex(ValueLayout.JAVA_FLOAT, at + i);
      float b = x.getAtIndex(ValueLayout.JAVA_FLOAT, at + i + 1);
      x.setAtIndex(ValueLayout.JAVA_FLOAT, at + i, Math.fma(a, cos, -(b * sin)));
      x.setAtIndex(ValueLayout.JAVA_FLOAT, at + i + 1, Math.fma(a, sin, b * cos));
    }
  }

  @Override
  public void storeKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v) {
    KernelArguments.checkStoreKv(rows, layer, k, v);
    for (int run = 0; run < rows.count(); run++) {
      ReferenceKv.store(
          rows.view(run),
          layer.layer(),
          k,
          v,
          rows.firstRow(run),
          rows.firstPosition(run),
          rows.tokens(run));
    }
  }

  @Override
  public void attention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out) {
    KernelArguments.checkAttention(rows, layer, q, out);
    ReferenceAttention attention = scratch.get().attention;
    AttentionShape shape = layer.shape();
    int group = shape.heads() / shape.kvHeads();
    for (int run = 0; run < rows.count(); run++) {
      KvView kv = rows.view(run);
      for (int t = 0; t < rows.tokens(run); t++) {
        int position = rows.firstPosition(run) + t;
        for (int head = 0; head < shape.heads(); head++) {
          long at = ((rows.firstRow(run) + t) * (long) shape.heads() + head) * shape.keyDim();
          attention.attend(
              kv, layer.layer(), head / group, q, out.f32(), at, shape.scale(), position);
        }
      }
    }
    ReferenceQuantizer.quantize(out, rows.firstRow(), rows.rows());
  }

  @Override
  public void swiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    KernelArguments.checkSwiglu(gate, up, tokens, out);
    for (long i = 0; i < (long) tokens * out.cols(); i++) {
      float activated = Numerics.silu(gate.getAtIndex(ValueLayout.JAVA_FLOAT, i));
      float value = activated * up.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      out.f32().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    ReferenceQuantizer.quantize(out, 0, tokens);
  }

  @Override
  public void maxima(MemorySegment x, int rows, int cols, MemorySegment out) {
    KernelArguments.checkMaxima(x, rows, cols, out);
    long at = 0;
    for (int row = 0; row < rows; row++) {
      for (int from = 0; from < cols; from += MAXIMA_RUN) {
        int count = Math.min(MAXIMA_RUN, cols - from);
        float greatest = maximum(x, (long) row * cols + from, count);
        out.setAtIndex(ValueLayout.JAVA_FLOAT, at++, greatest);
      }
    }
  }

  private static float maximum(MemorySegment x, long from, int count) {
    float greatest = Float.NEGATIVE_INFINITY;
    for (long i = from; i < from + count; i++) {
      float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (!(value < Float.POSITIVE_INFINITY)) {
        return Float.POSITIVE_INFINITY;
      }
      greatest = Math.max(greatest, value);
    }
    return greatest + 0f; // -0 becomes 0
  }

  @Override
  public long exportKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset) {
    KernelArguments.checkCopyKv(kv, layer, firstToken, tokens, type, dst, dstOffset);
    ReferenceKv.exportTo(kv, layer, firstToken, tokens, type, dst, dstOffset);
    int rowBytes = type.tokenBytes(kv.geometry()) / 2;
    return RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, dst, dstOffset);
  }

  @Override
  public boolean importKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest) {
    KernelArguments.checkCopyKv(kv, layer, firstToken, tokens, type, src, srcOffset);
    int rowBytes = type.tokenBytes(kv.geometry()) / 2;
    if (RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, src, srcOffset) != digest) {
      return false;
    }
    ReferenceKv.importFrom(kv, layer, firstToken, tokens, type, src, srcOffset);
    return true;
  }

  /** Nothing to end; may be used on. */
  @Override
  public void close() {
    scratch.remove();
  }
}
