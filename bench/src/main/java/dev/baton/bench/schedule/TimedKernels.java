package dev.baton.bench.schedule;

import dev.baton.gguf.GgmlType;
import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Activations;
import dev.baton.kernel.AttentionLayer;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvView;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.RopeTable;
import dev.baton.kernel.RowRuns;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Set;

/**
 * Other kernels, and how long their matrix products and attention took. One thread computes with
 * them; the sums are for that thread, and for others once it rests.
 */
final class TimedKernels implements Kernels {
  private final Kernels kernels;
  private long productNs;
  private long attentionNs;
  private long storedRows;

  /** Owns them from now on. */
  TimedKernels(Kernels kernels) {
    this.kernels = kernels;
  }

  /** In matrix products so far. */
  long productNs() {
    return productNs;
  }

  /** In attention so far. */
  long attentionNs() {
    return attentionNs;
  }

  /** Rows that went through a layer's cache so far, each layer counted. */
  long storedRows() {
    return storedRows;
  }

  @Override
  public void matmul(
      PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate) {
    long startNs = System.nanoTime();
    kernels.matmul(w, x, tokens, out, accumulate);
    productNs += System.nanoTime() - startNs;
  }

  @Override
  public void attention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out) {
    long startNs = System.nanoTime();
    kernels.attention(rows, layer, q, out);
    attentionNs += System.nanoTime() - startNs;
  }

  @Override
  public void storeKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v) {
    storedRows += rows.rows();
    kernels.storeKv(rows, layer, k, v);
  }

  @Override
  public String description() {
    return kernels.description();
  }

  @Override
  public String isa() {
    return kernels.isa();
  }

  @Override
  public int threads() {
    return kernels.threads();
  }

  @Override
  public PackedMatrix pack(
      GgmlType type, MemorySegment raw, int rows, int cols, SegmentAllocator memory) {
    return kernels.pack(type, raw, rows, cols, memory);
  }

  @Override
  public int packRows() {
    return kernels.packRows();
  }

  @Override
  public long packedBytes(GgmlType type, int rows, int cols) {
    return kernels.packedBytes(type, rows, cols);
  }

  @Override
  public long packFormat() {
    return kernels.packFormat();
  }

  @Override
  public Activations activations(int maxTokens, int cols, Set<ActivationKind> kinds, Arena arena) {
    return kernels.activations(maxTokens, cols, kinds, arena);
  }

  @Override
  public void quantize(Activations x, int tokens) {
    kernels.quantize(x, tokens);
  }

  @Override
  public void rmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, float eps, int tokens, Activations out) {
    kernels.rmsNorm(x, xRow, weight, eps, tokens, out);
  }

  @Override
  public void rope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table) {
    kernels.rope(x, rows, heads, headDim, table);
  }

  @Override
  public void swiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out) {
    kernels.swiglu(gate, up, tokens, out);
  }

  @Override
  public void maxima(MemorySegment x, int rows, int cols, MemorySegment out) {
    kernels.maxima(x, rows, cols, out);
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
    return kernels.exportKv(kv, layer, firstToken, tokens, type, dst, dstOffset);
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
    return kernels.importKv(kv, layer, firstToken, tokens, type, src, srcOffset, digest);
  }

  @Override
  public void close() {
    kernels.close();
  }
}
