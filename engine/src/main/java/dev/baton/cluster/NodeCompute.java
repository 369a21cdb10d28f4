package dev.baton.cluster;

import dev.baton.catalog.CacheFolder;
import dev.baton.catalog.KeptWeights;
import dev.baton.ggml.GgmlDevice;
import dev.baton.ggml.GgmlLibrary;
import dev.baton.ggml.GgmlModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefillPeer;
import dev.baton.model.KvCache;
import dev.baton.model.LlamaModel;
import dev.baton.model.ModelBackend;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a node computes with: kernels, a loaded model, and the KV cache. */
public final class NodeCompute implements AutoCloseable {
  /** The device that Baton's own kernels compute on. */
  public static final String CPU = "cpu";

  private static final int CONTEXTS_IN_CACHE = 8;
  private static final long MEMORY_SHARE = 4;
  private static final int CONTEXTS_ON_DEVICE = 4;
  private static final long DEVICE_MEMORY_SHARE = 2;

  private final KernelChoice choice;
  private final ModelBackend model;
  private final KvCache cache;

  private NodeCompute(KernelChoice choice, ModelBackend model, KvCache cache) {
    this.choice = choice;
    this.model = model;
    this.cache = cache;
  }

  /** {@link #open(Path, KernelsConfig, int, DoubleConsumer)} with a KV cache of the usual size. */
  public static NodeCompute open(Path path, KernelsConfig kernels, DoubleConsumer progress) {
    return open(path, kernels, 0, progress);
  }

  /**
   * Chooses kernels and loads the model.
   *
   * @param kernels what to compute with
   * @param kvTokens size of the KV cache; 0 for several contexts, as far as memory goes
   * @param progress told the share done, 0..1
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws dev.baton.model.ModelException when it holds a model that this version does not run
   */
  public static NodeCompute open(
      Path path, KernelsConfig kernels, int kvTokens, DoubleConsumer progress) {
    return open(path, CPU, kernels, kvTokens, progress);
  }

  /**
   * The same on a device.
   *
   * @param device {@value #CPU} for Baton's kernels, else what {@code baton devices} lists
   * @throws dev.baton.ggml.GgmlException when there is no such device, or it cannot run the model
   */
  public static NodeCompute open(
      Path path, String device, KernelsConfig kernels, int kvTokens, DoubleConsumer progress) {
    GgmlLibrary ggml = device.equals(CPU) ? null : ggml(System.getenv());
    GgmlDevice where = ggml == null ? null : ggml.device(device);
    KernelChoice choice = KernelChoice.open(kernels);
    try {
      ModelBackend model =
          ggml == null || where == null
              ? LlamaModel.load(path, choice.kernels(), KeptWeights.of(System.getenv()), progress)
              : GgmlModel.load(ggml, where, path, choice.kernels(), progress);
      try {
        int blocks =
            kvTokens > 0
                ? KvCache.blocksFor(kvTokens)
                : where == null ? cacheBlocks(model) : deviceBlocks(model, freeBytes(ggml, where));
        return new NodeCompute(choice, model, model.cache(blocks));
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      choice.kernels().close();
      throw e;
    }
  }

  /**
   * The ggml library, from where an environment says or where it was pulled to.
   *
   * @throws dev.baton.ggml.GgmlException when it is not there or cannot be used
   */
  public static GgmlLibrary ggml(Map<String, String> env) {
    return GgmlLibrary.open(env, CacheFolder.of(env).resolve("ggml"));
  }

  /**
   * What the device has left once the weights are there; its whole memory where it does not say.
   */
  private static long freeBytes(@Nullable GgmlLibrary ggml, GgmlDevice device) {
    GgmlDevice now = Objects.requireNonNull(ggml).device(device.label());
    return now.freeBytes() > 0 ? now.freeBytes() : physicalBytes();
  }

  /**
   * Room for several whole contexts, but no more than a share of the memory; at least one context.
   */
  private static int cacheBlocks(ModelBackend model) {
    KvGeometry geometry = model.kvGeometry();
    long perContext = KvCache.blocksFor(model.config().contextLength());
    long fitting = physicalBytes() / MEMORY_SHARE / geometry.blockBytes();
    long blocks = Math.max(perContext, Math.min(CONTEXTS_IN_CACHE * perContext, fitting));
    return (int) Math.min(blocks, Integer.MAX_VALUE / KvGeometry.BLOCK_TOKENS);
  }

  /** The same in a device's memory, which is there or is not: whatever fits a share of it. */
  private static int deviceBlocks(ModelBackend model, long freeBytes) {
    long perContext = KvCache.blocksFor(model.config().contextLength());
    long fitting = freeBytes / DEVICE_MEMORY_SHARE / model.kvGeometry().blockBytes();
    long blocks = Math.max(1, Math.min(CONTEXTS_ON_DEVICE * perContext, fitting));
    return (int) Math.min(blocks, Integer.MAX_VALUE / KvGeometry.BLOCK_TOKENS);
  }

  private static long physicalBytes() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean os
        ? os.getTotalMemorySize()
        : Runtime.getRuntime().maxMemory();
  }

  public ModelBackend model() {
    return model;
  }

  public KvCache cache() {
    return cache;
  }

  public Kernels kernels() {
    return choice.kernels();
  }

  /** What computes the model, for reports. */
  public String description() {
    return model.description();
  }

  /**
   * Why the native kernels do not run or packed weights were not kept, with how to mend it; a line
   * each, none where all is well.
   */
  public List<String> notices() {
    return Stream.of(Optional.ofNullable(choice.whyNotNative()), model.weightNotice())
        .flatMap(Optional::stream)
        .toList();
  }

  /** Whether this node, and the prefill node where there is one, promise the same bits. */
  public boolean isExactWith(@Nullable PrefillPeer peer) {
    return model.isExact() && (peer == null || peer.identity().fidelity() == Fidelity.EXACT);
  }

  /** What this node says of itself in the handshake. */
  public NodeIdentity identity(String name) {
    return new NodeIdentity(
        name,
        model.file().fingerprint(),
        model.kvGeometry(),
        model.config().dim(),
        model.config().contextLength(),
        Kernels.NUMERICS_VERSION,
        description(),
        model.isExact() ? Fidelity.EXACT : Fidelity.TOLERANT);
  }

  /** Frees everything. Nothing may be computing. Twice is fine. */
  @Override
  public void close() {
    cache.close();
    model.close();
    choice.kernels().close();
  }
}
