package dev.baton.model;

import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Dequantizer;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.PageMemory;
import dev.baton.kernel.RopeTable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A llama-family model in memory: configuration and weights, packed for one {@link Kernels}.
 * Immutable; any number of {@link ForwardPass}es may share it. Close it after them.
 */
public final class LlamaModel implements ModelBackend {
  /** The weights of one layer; matrices are (out, in). */
  record Layer(
      MemorySegment attentionNorm, // (dim)
      PackedMatrix q, // (heads * headDim, dim)
      PackedMatrix k, // (kvHeads * headDim, dim)
      PackedMatrix v, // (kvHeads * headDim, dim)
      PackedMatrix attentionOut, // (dim, heads * headDim)
      MemorySegment ffnNorm, // (dim)
      PackedMatrix gate, // (ffn, dim)
      PackedMatrix up, // (ffn, dim)
      PackedMatrix down) {} // (dim, ffn)

  private final ModelFile source;
  private final GgufFile file;
  private final ModelConfig config;
  private final Kernels kernels;
  private final Arena arena;
  private final EmbeddingRows embedding;
  private final List<Layer> layers;
  private final MemorySegment outputNorm;
  private final PackedMatrix output;
  private final RopeTable rope;
  private final PackedWeights weights;
  private final @Nullable String notice;
  private boolean closed;

  private LlamaModel(
      ModelFile source, Kernels kernels, Arena arena, WeightCache cache, DoubleConsumer progress) {
    this.source = source;
    this.file = source.gguf();
    this.kernels = kernels;
    this.arena = arena;
    this.config = ModelConfig.from(file);
    ModelConfig.checkTensors(file, config);
    WeightLayout layout = new WeightLayout(file, config, kernels);
    this.weights = cache.weights(source, layout, kernels, progress);
    try {
      List<Layer> loaded = new ArrayList<>(config.layers());
      for (int i = 0; i < config.layers(); i++) {
        loaded.add(layer("blk." + i + "."));
      }
      this.layers = List.copyOf(loaded);
      this.outputNorm = vector("output_norm.weight");
      this.output = matrix(WeightLayout.outputName(file));
      this.rope = new RopeTable(config.contextLength(), ropeFrequencies(), arena);
      this.embedding = source.embedding(config.dim());
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
    try {
      source.requireUnchanged();
      String unkept = source.keep();
      this.notice = weights.notice() == null ? unkept : weights.notice();
    } catch (RuntimeException | Error e) {
      embedding.close();
      weights.close();
      throw e;
    }
    // Nothing of the mapping is read any more but the metadata, which comes back by itself.
    file.tensors().forEach(tensor -> PageMemory.forget(file.data(tensor)));
    progress.accept(1.0);
  }

  /**
   * {@link #load(Path, Kernels, WeightCache, DoubleConsumer)} that packs anew and keeps nothing.
   */
  public static LlamaModel load(Path path, Kernels kernels, DoubleConsumer progress) {
    return load(path, kernels, WeightCache.none(), progress);
  }

  /**
   * Maps the file, checks that it is a model that Baton runs, and comes by its packed weights.
   *
   * @param cache where packed weights are kept
   * @param progress told the share done, 0..1, on the calling thread
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws ModelException when it holds a model that this version does not run
   */
  public static LlamaModel load(
      Path path, Kernels kernels, WeightCache cache, DoubleConsumer progress) {
    ModelFile file = ModelFile.open(path, cache.identities());
    Arena arena = Arena.ofShared();
    try {
      return new LlamaModel(file, kernels, arena, cache, progress);
    } catch (RuntimeException | Error e) {
      arena.close();
      file.close();
      throw e;
    }
  }

  private Layer layer(String prefix) {
    PackedMatrix k = matrix(prefix + "attn_k.weight");
    PackedMatrix v = matrix(prefix + "attn_v.weight");
    PackedMatrix q = matrix(prefix + "attn_q.weight");
    PackedMatrix attentionOut = matrix(prefix + "attn_output.weight");
    PackedMatrix gate = matrix(prefix + "ffn_gate.weight");
    PackedMatrix up = matrix(prefix + "ffn_up.weight");
    PackedMatrix down = matrix(prefix + "ffn_down.weight");
    return new Layer(
        vector(prefix + "attn_norm.weight"),
        q,
        k,
        v,
        attentionOut,
        vector(prefix + "ffn_norm.weight"),
        gate,
        up,
        down);
  }

  private PackedMatrix matrix(String name) {
    return Objects.requireNonNull(weights.matrices().get(name));
  }

  private MemorySegment vector(String name) {
    GgufTensor tensor = file.tensor(name);
    int n = Math.toIntExact(tensor.cols());
    MemorySegment floats = arena.allocate((long) n * Float.BYTES, 64);
    new Dequantizer().row(tensor.type(), file.data(tensor), 0, n, floats, 0);
    return floats;
  }

  private double[] ropeFrequencies() {
    try {
      return config.ropeFrequencies(ropeFactors());
    } catch (ModelException e) {
      throw new ModelException(file.path() + ": " + e.getMessage(), e);
    }
  }

  private float @Nullable [] ropeFactors() {
    if (file.find("rope_freqs.weight").isEmpty()) {
      return null;
    }
    return vector("rope_freqs.weight").toArray(ValueLayout.JAVA_FLOAT);
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public GgufFile file() {
    return file;
  }

  public Kernels kernels() {
    return kernels;
  }

  @Override
  public String description() {
    return kernels.description();
  }

  @Override
  public boolean isExact() {
    return true;
  }

  @Override
  public ForwardPass pass(int maxTokens) {
    return new ForwardPass(this, maxTokens);
  }

  @Override
  public KvCache cache(int blocks) {
    return new KvCache(kvGeometry(), blocks);
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
    return kernels.exportKv(sequence.view(), layer, firstToken, tokens, type, dst, dstOffset);
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
    return kernels.importKv(
        sequence.view(), layer, firstToken, tokens, type, src, srcOffset, digest);
  }

  /** Why the packed weights were not kept, or what was kept not used. */
  @Override
  public Optional<String> weightNotice() {
    return Optional.ofNullable(notice);
  }

  @Override
  public GgufIdentity identity() {
    return source.identity();
  }

  @Override
  public @Nullable String trouble() {
    String trouble = source.trouble();
    WeightWatch watch = weights.watch();
    return trouble != null || watch == null ? trouble : watch.trouble();
  }

  /**
   * How the weights came: {@code packed} here, {@code kept} where they are in the cache since then,
   * {@code read} from the cache or {@code mapped}.
   */
  public String weightOrigin() {
    return weights.origin().name().toLowerCase(Locale.ROOT);
  }

  Layer layer(int index) {
    return layers.get(index);
  }

  MemorySegment outputNorm() {
    return outputNorm;
  }

  PackedMatrix output() {
    return output;
  }

  RopeTable rope() {
    return rope;
  }

  /**
   * Writes the embedding of {@code token} as floats to row {@code row} of {@code out} (.., dim).
   */
  void embed(int token, Dequantizer dequantizer, MemorySegment out, long row) {
    embedding.read(token, dequantizer, out, row);
  }

  /** The forms in which the matrices that {@code pick} names want their input, over all layers. */
  Set<ActivationKind> kinds(java.util.function.Function<Layer, List<PackedMatrix>> pick) {
    EnumSet<ActivationKind> kinds = EnumSet.noneOf(ActivationKind.class);
    for (Layer layer : layers) {
      for (PackedMatrix matrix : pick.apply(layer)) {
        kinds.add(ActivationKind.of(matrix.type()));
      }
    }
    return kinds;
  }

  /** Unmaps the file and frees the weights. No forward pass may be under way. Twice is fine. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      embedding.close();
      weights.close();
      arena.close();
      source.close();
    }
  }
}
