package dev.baton.cpu;

import dev.baton.arch.LayerRange;
import dev.baton.arch.ModelException;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Rope;
import dev.baton.arch.Step;
import dev.baton.arch.Steps;
import dev.baton.arch.TensorCheck;
import dev.baton.arch.Value;
import dev.baton.arch.Weight;
import dev.baton.arch.family.Families;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.kernel.ActivationKind;
import dev.baton.kernel.Dequantizer;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.PageMemory;
import dev.baton.kernel.RopeTable;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Origin;
import dev.baton.model.EmbeddingRows;
import dev.baton.model.ModelBackend;
import dev.baton.model.ModelFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A model, or a range of its layers, in memory: its shape, its steps and their weights, packed for
 * one {@link Kernels}. Immutable; any number of {@link CpuPass}es may share it. Close it after
 * them.
 */
public final class CpuModel implements ModelBackend {
  private final ModelFile source;
  private final GgufFile file;
  private final ModelShape shape;
  private final Steps steps;
  private final LayerRange range;
  private final List<Step> held;
  private final Kernels kernels;
  private final Arena arena;
  private final EmbeddingRows embedding;
  private final Map<String, MemorySegment> vectors = new HashMap<>();
  private final Map<Rope, RopeTable> ropes = new HashMap<>();
  private final PackedWeights weights;
  private final @Nullable String notice;
  private boolean closed;

  private CpuModel(
      ModelFile source,
      @Nullable LayerRange wanted,
      Kernels kernels,
      Arena arena,
      WeightCache cache,
      DoubleConsumer progress) {
    this.source = source;
    this.file = source.gguf();
    this.kernels = kernels;
    this.arena = arena;
    this.shape = Families.shape(file);
    TensorCheck.check(file, shape);
    this.steps = Steps.of(shape);
    this.range = ModelBackend.rangeOf(shape, wanted);
    this.held = steps.held(range);
    WeightLayout layout = new WeightLayout(file, Steps.weights(held), kernels);
    this.weights = cache.weights(source, layout, kernels, progress);
    try {
      held.forEach(this::takeVectors);
      this.embedding = source.embedding(shape.dim());
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

  private void takeVectors(Step step) {
    switch (step) {
      case Step.Normalize norm ->
          vectors.computeIfAbsent(norm.weight().name(), _ -> vector(norm.weight()));
      case Step.Rotate rotate -> ropes.computeIfAbsent(rotate.rope(), this::table);
      case Step.Project _, Step.Store _, Step.Narrow _, Step.Attend _, Step.Activate _ -> {
        // Matrices are packed, the others have no weights.
      }
    }
  }

  /**
   * {@link #load(Path, LayerRange, Kernels, WeightCache, DoubleConsumer)} of all layers that packs
   * anew and keeps nothing.
   */
  public static CpuModel load(Path path, Kernels kernels, DoubleConsumer progress) {
    return load(path, null, kernels, WeightCache.none(), progress);
  }

  /** {@link #load(Path, LayerRange, Kernels, WeightCache, DoubleConsumer)} of all layers. */
  public static CpuModel load(
      Path path, Kernels kernels, WeightCache cache, DoubleConsumer progress) {
    return load(path, null, kernels, cache, progress);
  }

  /**
   * Maps the file, checks that it is a model that Baton runs, and comes by its packed weights.
   *
   * @param range the layers whose weights are wanted, or null for all; the output matrix comes with
   *     the last
   * @param cache where packed weights are kept
   * @param progress told the share done, 0..1, on the calling thread
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws ModelException when it holds a model that this version does not run
   */
  public static CpuModel load(
      Path path,
      @Nullable LayerRange range,
      Kernels kernels,
      WeightCache cache,
      DoubleConsumer progress) {
    ModelFile file = ModelFile.open(path, cache.identities());
    Arena arena = Arena.ofShared();
    try {
      return new CpuModel(file, range, kernels, arena, cache, progress);
    } catch (RuntimeException | Error e) {
      arena.close();
      file.close();
      throw e;
    }
  }

  private MemorySegment vector(Weight weight) {
    return Dequantizer.vector(file, file.tensor(weight.name()), arena);
  }

  private RopeTable table(Rope rope) {
    Weight factors = rope.factors();
    float[] divisors = factors == null ? null : vector(factors).toArray(ValueLayout.JAVA_FLOAT);
    try {
      return new RopeTable(shape.context(), rope.frequencies(divisors), arena);
    } catch (ModelException e) {
      throw new ModelException(file.path() + ": " + e.getMessage(), e);
    }
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
  public CpuPass pass(int maxTokens) {
    return new CpuPass(this, maxTokens);
  }

  @Override
  public KvPool cache(int blocks) {
    return new KvPool(kvGeometry(), blocks);
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
    if (!sequence.writable(firstToken, firstToken + tokens)) {
      throw new ModelException("no KV block is free for a copy of one that others have too");
    }
    boolean isTaken =
        kernels.importKv(sequence.view(), layer, firstToken, tokens, type, src, srcOffset, digest);
    if (isTaken && type == KvWireType.Q8) {
      sequence.mark(Origin.LOSSY_WIRE);
    }
    return isTaken;
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

  /** Bytes of the packed matrices. */
  long packedBytes() {
    return weights.run().byteSize();
  }

  Steps steps() {
    return steps;
  }

  MemorySegment vectorOf(Weight weight) {
    return Objects.requireNonNull(vectors.get(weight.name()));
  }

  PackedMatrix matrixOf(Weight weight) {
    return Objects.requireNonNull(weights.matrices().get(weight.name()));
  }

  RopeTable tableOf(Rope rope) {
    return Objects.requireNonNull(ropes.get(rope));
  }

  EmbeddingRows embedding() {
    return embedding;
  }

  /** The forms in which the matrices that {@code value} is multiplied with want it. */
  Set<ActivationKind> kinds(Value value) {
    EnumSet<ActivationKind> kinds = EnumSet.noneOf(ActivationKind.class);
    for (Step step : held) {
      if (step instanceof Step.Project project && project.from() == value) {
        kinds.add(ActivationKind.of(matrixOf(project.weight()).type()));
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
