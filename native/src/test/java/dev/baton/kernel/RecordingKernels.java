package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/**
 * The reference kernels, writing down each operation with its inputs and its result for {@code
 * replay.c}.
 */
final class RecordingKernels implements Kernels {
  private static final long MATMUL = 0;
  private static final long RMS_NORM = 1;
  private static final long ROPE = 2;
  private static final long SWIGLU = 3;
  private static final long STORE_KV = 4;
  private static final long ATTENTION = 5;
  private static final long EXPORT_KV = 6;
  private static final long IMPORT_KV = 7;
  private static final long MAXIMA = 8;

  private final ReferenceKernels reference = new ReferenceKernels();
  private final OutputStream file;

  RecordingKernels(OutputStream file) {
    this.file = file;
  }

  /**
   * Runs the operation and writes it down: {@code inputs}, then {@code output} as it was before and
   * after.
   */
  private void record(
      long kind,
      long[] parameters,
      Runnable operation,
      MemorySegment output,
      MemorySegment... inputs) {
    byte[] before = output.toArray(ValueLayout.JAVA_BYTE);
    byte[][] buffers = new byte[inputs.length][];
    for (int i = 0; i < inputs.length; i++) {
      buffers[i] = inputs[i].toArray(ValueLayout.JAVA_BYTE);
    }
    operation.run();
    try {
      writeNumbers(kind, parameters.length);
      writeNumbers(parameters);
      writeNumbers(inputs.length + 2);
      for (byte[] buffer : buffers) {
        writeBuffer(buffer);
      }
      writeBuffer(before);
      writeBuffer(output.toArray(ValueLayout.JAVA_BYTE));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void writeNumbers(long... numbers) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(numbers);
    file.write(bytes.array());
  }

  private void writeBuffer(byte[] bytes) throws IOException {
    writeNumbers(bytes.length);
    file.write(bytes);
  }

  private static long[] with(KvView kv, long layer, long... more) {
    KvGeometry geometry = kv.geometry();
    long[] all = new long[4 + more.length];
    all[0] = geometry.layers();
    all[1] = geometry.kvHeads();
    all[2] = geometry.headDim();
    all[3] = layer;
    System.arraycopy(more, 0, all, 4, more.length);
    return all;
  }

  private static MemorySegment rows(MemorySegment tensor, long rows, long cols) {
    return tensor.asSlice(0, rows * cols * Float.BYTES);
  }

  @Override
  public String description() {
    return "recording";
  }

  @Override
  public String isa() {
    return reference.isa();
  }

  @Override
  public int threads() {
    return reference.threads();
  }

  @Override
  public PackedMatrix pack(
      GgmlType type, MemorySegment raw, int rows, int cols, SegmentAllocator memory) {
    return reference.pack(type, raw, rows, cols, memory);
  }

  @Override
  public long packedBytes(GgmlType type, int rows, int cols) {
    return reference.packedBytes(type, rows, cols);
  }

  @Override
  public Activations activations(int maxTokens, int cols, Set<ActivationKind> kinds, Arena arena) {
    return reference.activations(maxTokens, cols, kinds, arena);
  }

  @Override
  public void quantize(Activations x, int tokens) {
    reference.quantize(x, tokens); // seen in the products that follow
  }

  @Override
  public void rmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, float eps, int tokens, Activations out) {
    record(
        RMS_NORM,
        new long[] {tokens, out.cols(), xRow, Float.floatToRawIntBits(eps)},
        () -> reference.rmsNorm(x, xRow, weight, eps, tokens, out),
        rows(out.f32(), tokens, out.cols()),
        rows(x, xRow + tokens, out.cols()),
        weight);
  }

  @Override
  public void matmul(
      PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate) {
    record(
        MATMUL,
        new long[] {w.type().id(), w.rows(), w.cols(), tokens, accumulate ? 1 : 0},
        () -> reference.matmul(w, x, tokens, out, accumulate),
        rows(out, tokens, w.rows()),
        w.data(),
        rows(x.f32(), tokens, w.cols()));
  }

  /** For each run its row, tokens and position; the runs' block tables, one behind the other. */
  private static MemorySegment[] with(RowRuns rows, MemorySegment... more) {
    ByteBuffer runs = numbers(3 * rows.count() * Long.BYTES);
    int blocks = 0;
    for (int run = 0; run < rows.count(); run++) {
      runs.putLong(rows.firstRow(run)).putLong(rows.tokens(run)).putLong(rows.firstPosition(run));
      blocks += blocks(rows, run);
    }
    ByteBuffer tables = numbers(blocks * Integer.BYTES);
    for (int run = 0; run < rows.count(); run++) {
      for (int i = 0; i < blocks(rows, run); i++) {
        tables.putInt(rows.view(run).blockTable().getAtIndex(ValueLayout.JAVA_INT, i));
      }
    }
    MemorySegment[] all = new MemorySegment[2 + more.length];
    all[0] = MemorySegment.ofBuffer(runs.flip());
    all[1] = MemorySegment.ofBuffer(tables.flip());
    System.arraycopy(more, 0, all, 2, more.length);
    return all;
  }

  private static ByteBuffer numbers(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int blocks(RowRuns rows, int run) {
    return Math.ceilDiv(rows.firstPosition(run) + rows.tokens(run), KvGeometry.BLOCK_TOKENS);
  }

  private static long[] with(AttentionLayer layer) {
    AttentionShape shape = layer.shape();
    KvGeometry geometry = layer.geometry();
    return new long[] {
      shape.heads(),
      shape.kvHeads(),
      shape.keyDim(),
      shape.valueDim(),
      geometry.blockBytes(),
      layer.layer() * geometry.layerBytes(),
      Float.floatToRawIntBits(shape.scale())
    };
  }

  @Override
  public void rope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table) {
    record(
        ROPE,
        new long[] {heads, headDim, table.pairs()},
        () -> reference.rope(x, rows, heads, headDim, table),
        x,
        with(rows, table.rows(table.positions())));
  }

  @Override
  public void storeKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v) {
    record(
        STORE_KV,
        with(layer),
        () -> reference.storeKv(rows, layer, k, v),
        rows.view(0).pool(),
        with(rows, k, v));
  }

  @Override
  public void attention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out) {
    record(
        ATTENTION,
        with(layer),
        () -> reference.attention(rows, layer, q, out),
        rows(out.f32(), rows.firstRow() + rows.rows(), out.cols()),
        with(rows, rows.view(0).pool(), q));
  }

  @Override
  public void swiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    record(
        SWIGLU,
        new long[] {tokens, out.cols()},
        () -> reference.swiglu(gate, up, tokens, out),
        rows(out.f32(), tokens, out.cols()),
        rows(gate, tokens, out.cols()),
        rows(up, tokens, out.cols()));
  }

  @Override
  public void maxima(MemorySegment x, int rows, int cols, MemorySegment out) {
    record(
        MAXIMA,
        new long[] {rows, cols},
        () -> reference.maxima(x, rows, cols, out),
        rows(out, rows, Kernels.maximaOf(cols)),
        rows(x, rows, cols));
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
    long bytes = (long) tokens * type.tokenBytes(kv.geometry());
    // worked out beforehand, on a copy, because it stands among the parameters
    long digest =
        reference.exportKv(
            kv, layer, firstToken, tokens, type, MemorySegment.ofArray(new byte[(int) bytes]), 0);
    record(
        EXPORT_KV,
        with(kv, layer, firstToken, tokens, type.ordinal(), digest),
        () -> reference.exportKv(kv, layer, firstToken, tokens, type, dst, dstOffset),
        dst.asSlice(dstOffset, bytes),
        kv.pool(),
        kv.blockTable());
    return digest;
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
    long bytes = (long) tokens * type.tokenBytes(kv.geometry());
    int rowBytes = type.tokenBytes(kv.geometry()) / 2;
    boolean right =
        RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, src, srcOffset) == digest;
    record(
        IMPORT_KV,
        with(kv, layer, firstToken, tokens, type.ordinal(), digest, right ? 1 : 0),
        () -> reference.importKv(kv, layer, firstToken, tokens, type, src, srcOffset, digest),
        kv.pool(),
        src.asSlice(srcOffset, bytes),
        kv.blockTable());
    return right;
  }

  @Override
  public void close() {
    reference.close();
  }
}
