package dev.baton.ggml;

import dev.baton.arch.LayerRange;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Steps;
import dev.baton.arch.TensorCheck;
import dev.baton.arch.Weight;
import dev.baton.arch.family.Families;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.EmbeddingRows;
import dev.baton.model.IdentityCache;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.ModelFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A llama-family model on a device of ggml. Its numbers are equal to Baton's kernels' within a
 * tolerance, and may differ between devices, chunk sizes and batches.
 */
public final class GgmlModel implements ModelBackend {
  private final GgmlLibrary ggml;
  private final GgmlDevice device;
  private final Kernels kernels;
  private final ModelFile source;
  private final ModelShape shape;
  private final EmbeddingRows embedding;
  private final LayerRange range;
  private final GgmlWeights weights;
  private final @Nullable String notice;
  private @Nullable GgmlKv kv; // guarded by this
  private boolean closed; // guarded by this

  private GgmlModel(
      GgmlTarget on, ModelFile source, @Nullable LayerRange wanted, DoubleConsumer progress) {
    this.ggml = on.library();
    this.device = on.device();
    this.kernels = on.kernels();
    this.source = source;
    GgufFile file = source.gguf();
    this.shape = Families.shape(file);
    TensorCheck.check(file, shape);
    this.range = ModelBackend.rangeOf(shape, wanted);
    List<Weight> held = Steps.weights(Steps.of(shape).held(range));
    this.weights = new GgmlWeights(ggml, device, file, held, progress);
    EmbeddingRows rows = null;
    try {
      rows = source.embedding(shape.dim());
      source.requireUnchanged();
      this.embedding = rows;
      this.notice = source.keep();
    } catch (RuntimeException | Error e) {
      if (rows != null) {
        rows.close();
      }
      weights.close();
      throw e;
    }
  }

  /**
   * Maps the file, checks that it is a model that Baton runs, and brings its weights to the device.
   *
   * @param identities what is known of model files
   * @param progress told the share done, 0..1, on the calling thread
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws dev.baton.arch.ModelException when it holds a model that this version does not run
   * @throws GgmlException when the device cannot run it
   */
  public static GgmlModel load(
      GgmlTarget on, Path path, IdentityCache identities, DoubleConsumer progress) {
    return load(on, path, null, identities, progress);
  }

  /**
   * The same, of a range of the model's layers: weights and KV of the others take no memory, and to
   * ask a pass for them is an {@link IllegalArgumentException}.
   *
   * @param range null for all; the output matrix comes with the last
   * @throws IllegalArgumentException when the model has no such layers
   */
  public static GgmlModel load(
      GgmlTarget on,
      Path path,
      @Nullable LayerRange range,
      IdentityCache identities,
      DoubleConsumer progress) {
    double _ = GgmlSelfTest.require(on);
    return untested(on, path, range, identities, progress);
  }

  static GgmlModel untested(
      GgmlTarget on,
      Path path,
      @Nullable LayerRange range,
      IdentityCache identities,
      DoubleConsumer progress) {
    ModelFile file = ModelFile.open(path, identities);
    try {
      return new GgmlModel(on, file, range, progress);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  @Override
  public GgufFile file() {
    return source.gguf();
  }

  @Override
  public GgufIdentity identity() {
    return source.identity();
  }

  @Override
  public @Nullable String trouble() {
    return source.trouble();
  }

  @Override
  public Optional<String> weightNotice() {
    return Optional.ofNullable(notice);
  }

  @Override
  public ModelShape shape() {
    return shape;
  }

  @Override
  public LayerRange range() {
    return range;
  }

  @Override
  public String description() {
    return "ggml "
        + ggml.version()
        + " "
        + device.label()
        + (device.isCpu() ? " x" + kernels.threads() : "");
  }

  @Override
  public boolean isExact() {
    return false;
  }

  @Override
  public synchronized KvPool cache(int blocks) {
    if (kv != null) {
      throw new IllegalStateException("this model has a KV cache already");
    }
    kv = new GgmlKv(ggml, device, kvGeometry(), range, blocks);
    return KvPool.onDevice(kvGeometry(), blocks, kv);
  }

  private synchronized GgmlKv kv() {
    GgmlKv there = kv;
    if (there == null) {
      throw new IllegalStateException("this model has no KV cache yet");
    }
    return there;
  }

  /** A pass; the {@link #cache} must be there. */
  @Override
  public LayerPass pass(int maxTokens) {
    // Vulkan may have one queue for all, on which KV would be fetched behind the next layer.
    return pass(maxTokens, !"Vulkan".equals(device.backend()));
  }

  LayerPass pass(int maxTokens, boolean oneAhead) {
    return new GgmlPass(this, kv(), maxTokens, oneAhead);
  }

  @Override
  public long exportKv(
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment dst,
      long dstOffset) {
    return switch (type) {
      case F16 -> kv().export(sequence, layer, firstToken, tokens, dst, dstOffset);
      case Q8 ->
          new LossyKv(kernels, kvGeometry())
              .export(kv(), sequence, layer, firstToken, tokens, dst, dstOffset);
    };
  }

  @Override
  public boolean importKv(
      KvSequence sequence,
      int layer,
      int firstToken,
      int tokens,
      KvWireType type,
      MemorySegment src,
      long srcOffset,
      long digest) {
    return switch (type) {
      case F16 -> kv().take(sequence, layer, firstToken, tokens, src, srcOffset, digest);
      case Q8 ->
          new LossyKv(kernels, kvGeometry())
              .take(kv(), sequence, layer, firstToken, tokens, src, srcOffset, digest);
    };
  }

  GgmlLibrary ggml() {
    return ggml;
  }

  GgmlDevice device() {
    return device;
  }

  GgmlWeights weights() {
    return weights;
  }

  int threads() {
    return kernels.threads();
  }

  EmbeddingRows embedding() {
    return embedding;
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    embedding.close();
    if (GgmlAbort.reason() == null) {
      if (kv != null) {
        kv.close();
      }
      weights.close();
    }
    source.close();
  }
}
