package dev.baton.node;

import dev.baton.arch.family.Families;
import dev.baton.catalog.CacheFolder;
import dev.baton.catalog.KeptWeights;
import dev.baton.cpu.CpuModel;
import dev.baton.cpu.WeightCache;
import dev.baton.ggml.GgmlDevice;
import dev.baton.ggml.GgmlLibrary;
import dev.baton.ggml.GgmlModel;
import dev.baton.ggml.GgmlTarget;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.MemoryLimit;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.Capability;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.metrics.Meters;
import dev.baton.model.ModelBackend;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a node computes with: kernels, a loaded model, and the KV cache. */
public final class NodeCompute implements AutoCloseable {
  /** The device that Baton's own kernels compute on. */
  public static final String CPU = "cpu";

  private static final int CONTEXTS_IN_CACHE = 8;
  private static final int CONTEXTS_ON_DEVICE = 4;
  private static final long DEVICE_MEMORY_SHARE = 2;

  /**
   * What a process takes beside weights, KV and the JVM's heap: classes, code, threads, scratch.
   */
  private static final long PROCESS_BYTES = 128L << 20;

  /** Of the memory that is left, for KV; the rest is for what was not thought of. */
  private static final double KV_SHARE = 0.75;

  private final KernelChoice choice;
  private final ModelBackend model;
  private final KvRoom room;
  private final List<Thread> users = new CopyOnWriteArrayList<>();
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Owns all three from now on. */
  NodeCompute(KernelChoice choice, ModelBackend model, KvRoom room) {
    this.choice = choice;
    this.model = model;
    this.room = room;
  }

  /** {@link #open(Path, String, KernelsConfig, KvDemand, DoubleConsumer)} with what is usual. */
  public static NodeCompute open(Path path, KernelsConfig kernels, DoubleConsumer progress) {
    return open(path, CPU, kernels, KvDemand.USUAL, progress);
  }

  /**
   * Chooses kernels and loads the model.
   *
   * @param device {@value #CPU} for Baton's kernels, else what {@code baton devices} lists
   * @param kernels what to compute with
   * @param demand how much KV to have room for
   * @param progress told the share done, 0..1
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws dev.baton.arch.ModelException when it holds a model that this version does not run, or
   *     the system refuses the memory
   * @throws dev.baton.ggml.GgmlException when there is no such device, or it cannot run the model
   * @throws IllegalArgumentException when the demand is for more than the model's context
   */
  public static NodeCompute open(
      Path path, String device, KernelsConfig kernels, KvDemand demand, DoubleConsumer progress) {
    if (demand.contextTokens() > 0) {
      checkContext(path, demand);
    }
    GgmlLibrary ggml = device.equals(CPU) ? null : ggml(System.getenv());
    GgmlDevice where = ggml == null ? null : ggml.device(device);
    WeightCache kept = KeptWeights.of(System.getenv());
    KernelChoice choice = KernelChoice.open(kernels);
    try {
      ModelBackend model =
          ggml == null || where == null
              ? CpuModel.load(path, choice.kernels(), kept, progress)
              : GgmlModel.load(
                  target(ggml, where, choice.kernels()), path, kept.identities(), progress);
      try {
        KvRoom room =
            where == null
                ? KvRoom.of(demand, model, freeBytes(model, demand), CONTEXTS_IN_CACHE)
                : KvRoom.of(
                    demand,
                    model,
                    freeBytes(ggml, where) / DEVICE_MEMORY_SHARE,
                    CONTEXTS_ON_DEVICE);
        return new NodeCompute(choice, model, room);
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
   * A device of ggml, whose numbers are compared with the plain-Java kernels'.
   *
   * @param kernels the caller closes them
   */
  public static GgmlTarget target(GgmlLibrary ggml, GgmlDevice device, Kernels kernels) {
    return new GgmlTarget(
        ggml,
        device,
        kernels,
        path -> CpuModel.load(path, new ReferenceKernels(), _ -> {})); // which end with the heap
  }

  /**
   * What the device has left once the weights are there; its whole memory where it does not say.
   */
  private static long freeBytes(@Nullable GgmlLibrary ggml, GgmlDevice device) {
    GgmlDevice now = Objects.requireNonNull(ggml).device(device.label());
    return now.freeBytes() > 0 ? now.freeBytes() : MemoryLimit.bytes();
  }

  /** Before minutes go into packing weights. */
  private static void checkContext(Path path, KvDemand demand) {
    try (GgufFile file = GgufFile.open(path)) {
      demand.check(Families.shape(file));
    }
  }

  /** Memory for this process's KV: what the model, packed, and the JVMs leave. */
  private static long freeBytes(ModelBackend model, KvDemand demand) {
    long weights = model.file().tensors().stream().mapToLong(GgufTensor::byteSize).sum();
    long here = Runtime.getRuntime().maxMemory() + PROCESS_BYTES;
    long others = (demand.processes() - 1) * (JavaCommand.NODE_HEAP_BYTES + PROCESS_BYTES);
    long left = Math.max(0, MemoryLimit.bytes() - weights - here - others);
    return (long) (left * KV_SHARE / demand.processes());
  }

  public ModelBackend model() {
    return model;
  }

  public KvPool pool() {
    return room.pool();
  }

  /** The longest prompt and answer together that this node serves. */
  public int contextTokens() {
    return room.contextTokens();
  }

  /** Shows how full the KV cache is, and what its kept prefixes bring. */
  public void showIn(Meters meters) {
    KvMeters.show(room.pool(), meters);
  }

  public Kernels kernels() {
    return choice.kernels();
  }

  /** What computes the model, for reports. */
  public String description() {
    return model.description();
  }

  /**
   * Why the native kernels do not run, packed weights were not kept or memory limits the context,
   * with how to mend it; a line each, none where all is well.
   */
  public List<String> notices() {
    return Stream.of(
            Optional.ofNullable(choice.whyNotNative()),
            model.weightNotice(),
            Optional.ofNullable(room.notice()))
        .flatMap(Optional::stream)
        .toList();
  }

  /** Whether this node, and the prefill node where there is one, promise the same bits. */
  public boolean isExactWith(@Nullable PrefillPeer peer) {
    return model.isExact() && (peer == null || peer.identity().fidelity() == Fidelity.EXACT);
  }

  /** What this node says of itself in the handshake where it takes no orders. */
  public NodeIdentity identity(String name) {
    return identity(name, NodeLimits.NONE);
  }

  /** What this node says of itself in the handshake. */
  NodeIdentity identity(String name, NodeLimits limits) {
    KvGeometry geometry = model.kvGeometry();
    return new NodeIdentity(
        name,
        model.identity().root(),
        model.shape().states(),
        contextTokens(),
        Kernels.NUMERICS_VERSION,
        description(),
        model.isExact() ? Fidelity.EXACT : Fidelity.TOLERANT,
        limits,
        KvWireType.Q8.fits(geometry) ? Set.of(Capability.LOSSY_ROWS) : Set.of(),
        model.identity().parts());
  }

  /** Says that a thread computes with this: {@link #close} frees nothing before it has ended. */
  public void keepFor(Thread user) {
    users.add(user);
  }

  /**
   * Frees everything. Where a thread that computes with it has not ended, behind a device that
   * hangs for instance, that is told in the log, and done when it has. Twice is fine.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    if (users.stream().noneMatch(Thread::isAlive)) {
      free();
      return;
    }
    System.getLogger("dev.baton")
        .log(
            System.Logger.Level.WARNING,
            "a computation does not end: the model's memory is left behind until it does");
    Thread.ofPlatform().daemon().name("baton-compute-end").start(this::freeBehindItsUsers);
  }

  private void freeBehindItsUsers() {
    try {
      for (Thread user : users) {
        user.join();
      }
      free();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt(); // nobody does; it is left for good
    }
  }

  private void free() {
    room.pool().close();
    model.close();
    choice.kernels().close();
  }
}
