package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Set;

/**
 * The operations a forward pass is made of. All float tensors are row-major float32, one row a
 * token; sizes are in elements. Offsets into a tensor are row numbers, so that no segment is sliced
 * in the hot path.
 *
 * <p><b>One answer everywhere.</b> Every implementation gives the same bits for the same input,
 * whatever the number of tokens in the call, threads, or vector width; the contract stands in this
 * module's README. All operations may be called from any thread, also at the same time, on distinct
 * outputs and {@link RowRuns}; none allocates Java heap once warm.
 *
 * <p>Sizes of zero tokens are allowed and do nothing. Arguments that do not fit their segments are
 * an {@link IllegalArgumentException} or {@link IndexOutOfBoundsException}, never a wild read.
 */
public interface Kernels extends AutoCloseable {
  /** Stands for the numeric contract; nodes with unlike numbers may not share one request. */
  int NUMERICS_VERSION = 1;

  /** Values that {@link #maxima} gives one number for. */
  int MAXIMA_RUN = 64;

  /** The widest attention head that all kernels take; the C attention has it on its stack. */
  int MAX_HEAD_DIM = 256;

  /** What runs, for reports: {@code "native avx512 x2"}, {@code "java reference"}. */
  String description();

  /**
   * Instruction set in use: {@code avx512}, {@code avx2}, {@code neon}, {@code scalar} or {@code
   * java}.
   */
  String isa();

  /** Threads that share an operation, the caller's among them. */
  int threads();

  /**
   * Lays a GGUF tensor out for {@link #matmul}.
   *
   * @param raw the tensor's bytes as in the file, {@code rows} rows of {@code type.rowBytes(cols)}
   * @param memory gives the {@link #packedBytes} at an alignment of 64; an implementation may
   *     instead keep {@code raw}, which must then outlive the matrix
   */
  PackedMatrix pack(GgmlType type, MemorySegment raw, int rows, int cols, SegmentAllocator memory);

  /**
   * Rows that {@link #pack} lays out together: runs of so many rows, packed one behind the other,
   * are the matrix packed at once.
   */
  default int packRows() {
    return 1;
  }

  /** Bytes that {@link #pack} takes of its memory. */
  long packedBytes(GgmlType type, int rows, int cols);

  /**
   * Stands for the way {@link #pack} lays matrices out: with equal numbers, equal tensors become
   * equal bytes, in any process, so that packed matrices may be kept. 0 where they may not.
   */
  default long packFormat() {
    return 0;
  }

  /** Room for up to {@code maxTokens} rows of {@code cols} floats in the forms {@code kinds}. */
  Activations activations(int maxTokens, int cols, Set<ActivationKind> kinds, Arena arena);

  /**
   * Quantises rows [0, tokens) of {@code x.f32()} into each form that {@code x} holds. Operations
   * that write activations do this themselves; this is for rows written by hand.
   */
  void quantize(Activations x, int tokens);

  /**
   * RMSNorm: {@code out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * weight}, in the forms that {@code
   * out} was made for.
   *
   * @param x (.., out.cols()), rows [xRow, xRow + tokens) are read
   * @param weight (out.cols()) float32
   */
  void rmsNorm(
      MemorySegment x, long xRow, MemorySegment weight, float eps, int tokens, Activations out);

  /**
   * {@code out[t][r] = sum over k of w[r][k] * x[t][k]}, or with {@code accumulate} added to what
   * stands there.
   *
   * @param out (tokens, w.rows()) float32
   */
  void matmul(PackedMatrix w, Activations x, int tokens, MemorySegment out, boolean accumulate);

  /**
   * Rotates the pairs (2i, 2i+1) of every head in place, by the position of its row.
   *
   * @param x (.., heads, headDim), the batch's rows; values past {@code 2 * table.pairs()} stay as
   *     they are
   */
  void rope(MemorySegment x, RowRuns rows, int heads, int headDim, RopeTable table);

  /**
   * Writes the K and V rows of a batch into the cache as f16, nearest even, and clamped to the
   * largest finite value.
   *
   * @param k (.., kvHeads, keyDim) with rope applied, the batch's rows; {@code v} alike
   */
  void storeKv(RowRuns rows, AttentionLayer layer, MemorySegment k, MemorySegment v);

  /**
   * Causal attention of a batch's rows over keys [0, their own position] of their sequences, all of
   * which stand in the cache; then quantised.
   *
   * @param q (.., heads, keyDim), the batch's rows, and the same rows of {@code out} are written
   */
  void attention(RowRuns rows, AttentionLayer layer, MemorySegment q, Activations out);

  /**
   * {@code out[t][i] = silu(gate[t][i]) * up[t][i]}, in the forms that {@code out} was made for.
   * {@code gate} and {@code up} are (tokens, out.cols()).
   */
  void swiglu(MemorySegment gate, MemorySegment up, int tokens, Activations out);

  /**
   * The greatest of each {@link #MAXIMA_RUN} values of a row, the last one of those that are left:
   * 0 where that is −0, +∞ where one of them is NaN. Who looks for a row's greatest values need
   * only look where they can be.
   *
   * @param x (rows, cols) float32
   * @param out (rows, ceil(cols / {@link #MAXIMA_RUN})) float32
   */
  void maxima(MemorySegment x, int rows, int cols, MemorySegment out);

  /** How many numbers {@link #maxima} gives for a row. */
  static int maximaOf(int cols) {
    return Math.ceilDiv(cols, MAXIMA_RUN);
  }

  /**
   * Copies one layer's KV of tokens [firstToken, firstToken + tokens) out of the cache in wire
   * form. Runs on the calling thread alone, also while others compute.
   *
   * @param dst receives {@code tokens * type.tokenBytes(geometry)} bytes at {@code dstOffset}, in
   *     any alignment
   * @return the {@link RowDigest#ofSlice digest} of what was written
   * @throws IllegalArgumentException if {@code type} does not fit the geometry
   */
  long exportKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset);

  /**
   * The reverse of {@link #exportKv}, once the bytes have proved to be those of {@code digest}.
   * They come from a peer: any bit pattern is taken.
   *
   * @return false where the bytes have another digest; then nothing was written
   */
  boolean importKv(
      KvView kv,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest);

  /** Ends the threads. Safe to call twice; no operation may be under way. */
  @Override
  void close();
}
