package dev.baton.model;

import dev.baton.arch.LayerRange;
import dev.baton.arch.ModelShape;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A model on what computes it: the seam between a node and its compute. Nobody above assumes that
 * the KV lies in host memory: a backend exports slices of it to there, and imports them, in the
 * canonical wire form, so that unlike backends can share a request.
 *
 * <p>Any thread; close it after its passes and its cache.
 */
public interface ModelBackend extends AutoCloseable {
  /** The file, for its metadata. */
  GgufFile file();

  /** Which model the file holds, to the last bit. */
  GgufIdentity identity();

  /**
   * Why nothing is to be computed with this any more, one line that says what to do; null where all
   * is well. The file may have become another since it was loaded. To be asked before each request:
   * it takes a few microseconds, or as long as reading the file once where something of it has
   * changed.
   */
  @Nullable String trouble();

  /** What the model computes, all of it. */
  ModelShape shape();

  /** The layers whose weights are held, and that passes run. */
  default LayerRange range() {
    return LayerRange.all(shape().layers());
  }

  /**
   * The range that is to be loaded.
   *
   * @param wanted null for all
   * @throws IllegalArgumentException where the model has no such layers
   */
  static LayerRange rangeOf(ModelShape shape, @Nullable LayerRange wanted) {
    LayerRange all = LayerRange.all(shape.layers());
    if (wanted != null && !all.contains(wanted)) {
      throw new IllegalArgumentException(
          "layers " + wanted + " are outside a model of " + shape.layers());
    }
    return wanted == null ? all : wanted;
  }

  /**
   * Refuses layers [from, to) that a pass of this model cannot run.
   *
   * @throws IllegalArgumentException where the model lacks them, or they are not loaded
   */
  static void requireHeld(ModelBackend model, int from, int to) {
    int layers = model.shape().layers();
    if (from < 0 || to > layers || from > to) {
      throw new IllegalArgumentException(
          "layers [" + from + ", " + to + ") are outside a model of " + layers);
    }
    LayerRange held = model.range(); // each pass asks: nothing is allocated
    if (from < to && !(held.contains(from) && held.contains(to - 1))) {
      throw new IllegalArgumentException(
          "layers [" + from + ", " + to + ") are not loaded here, only " + held);
    }
  }

  /**
   * Refuses logits where the last layer is not held, and the output matrix with it.
   *
   * @throws IllegalArgumentException where that is so
   */
  static void requireOutput(ModelBackend model) {
    if (model.range().to() < model.shape().layers()) {
      throw new IllegalArgumentException(
          "the output matrix is not loaded here, only layers " + model.range());
    }
  }

  /** What computes, for reports: {@code "native avx512 x2"}, {@code "ggml Vulkan0"}. */
  String description();

  /**
   * True where it obeys Baton's numeric contract, the same bits as every other exact one; else it
   * is equal within a tolerance.
   */
  boolean isExact();

  /** What to know of how the weights came, one line for the user. */
  default Optional<String> weightNotice() {
    return Optional.empty();
  }

  /** The shape of this model's KV. */
  default KvGeometry kvGeometry() {
    return KvGeometry.of(shape());
  }

  /**
   * A forward pass with room for batches of {@code maxTokens} rows.
   *
   * @throws ModelException when there is no memory for it
   */
  LayerPass pass(int maxTokens);

  /**
   * The KV cache for this model's passes, of so many blocks.
   *
   * @throws ModelException when there is no memory for it
   */
  KvPool cache(int blocks);

  /**
   * Copies one layer's KV of tokens [firstToken, firstToken + tokens) out of the cache in wire
   * form. Runs on the calling thread alone, also while others compute.
   *
   * @param dst receives {@code tokens * type.tokenBytes(geometry)} bytes at {@code dstOffset}, in
   *     any alignment
   * @return the {@link dev.baton.kernel.RowDigest#ofSlice digest} of what was written
   * @throws IllegalArgumentException if {@code type} does not fit the geometry
   */
  long exportKv(
      KvSequence sequence,
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
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest);

  /** Frees the weights. No pass may be under way. Twice is fine. */
  @Override
  void close();
}
