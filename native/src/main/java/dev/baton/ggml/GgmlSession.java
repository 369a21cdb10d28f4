package dev.baton.ggml;

import dev.baton.arch.ModelShape;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A stream of work on a device, with all memory and all graphs of a pass. Where a shape needs more
 * memory than it has after it has computed something, it has to be ended and another begun: no
 * device is asked to compute with memory that was moved.
 */
final class GgmlSession implements AutoCloseable {
  private static final int SHAPES_KEPT = 8;

  private final GgmlModel model;
  private final GgmlLibrary ggml;
  private final GgmlBackends backends;
  private final ModelShape modelShape;
  private final GgmlLayers layers;
  private final MemorySegment backend;
  private final GgmlThreads threads;
  private final GgmlWorkspace workspace;
  private final GgmlScratch scratch;
  private final @Nullable GgmlEvents events;
  private final Map<Integer, Logits> logits = new LinkedHashMap<>();
  private final Map<GgmlShape, Kept> shapes =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<GgmlShape, Kept> eldest) {
          boolean tooMany = size() > SHAPES_KEPT;
          if (tooMany) {
            eldest.getValue().close();
          }
          return tooMany;
        }
      };

  private boolean computed;

  /**
   * @param maskElements room for the masks of a batch
   * @throws GgmlException when the device has too little memory
   */
  GgmlSession(
      GgmlModel model, GgmlLayers layers, int maxTokens, long maskElements, boolean oneAhead) {
    this.model = model;
    this.ggml = model.ggml();
    this.backends = ggml.backends();
    this.modelShape = model.shape();
    this.layers = layers;
    GgmlDevice device = model.device();
    this.workspace = new GgmlWorkspace(ggml, device, modelShape, maxTokens, maskElements);
    this.backend = backends.deviceInit(device.handle(), MemorySegment.NULL);
    if (backend.address() == 0) {
      workspace.close();
      throw new GgmlException("device " + device.label() + " cannot be used" + GgmlLog.lastError());
    }
    this.threads = new GgmlThreads(ggml, device, backend, model.threads());
    this.scratch = new GgmlScratch(ggml, device);
    this.events = oneAhead ? GgmlEvents.of(backends, device, backend) : null;
    // The largest batch first, so that the others find room.
    int first = model.range().from();
    boolean _ = prepare(kept(GgmlShape.sample(maxTokens)), first, first + 1);
  }

  long maskElements() {
    return workspace.maskElements();
  }

  @Nullable GgmlEvents events() {
    return events;
  }

  MemorySegment backend() {
    return backend;
  }

  /** The graphs of a shape, whose masks have to fit. */
  Kept kept(GgmlShape shape) {
    Kept kept = shapes.get(shape);
    if (kept == null) {
      kept = new Kept(new GgmlInputs(ggml, modelShape, shape, workspace));
      shapes.put(shape, kept);
    }
    return kept;
  }

  /**
   * Makes the graphs of a range ready.
   *
   * @return false when there is too little memory: another session is to be begun
   */
  boolean prepare(Kept kept, int from, int to) {
    boolean settled = false;
    while (!settled) {
      settled = true;
      for (int index = from; index < to; index++) {
        if (!kept.isReady(index)) {
          settled = false;
          if (kept.make(index) && computed) {
            return false;
          }
        }
      }
    }
    return true;
  }

  void compute(GgmlGraph graph) {
    computed = true;
    require(backends.compute(backend, graph.handle()));
  }

  void queue(GgmlGraph graph) {
    computed = true;
    require(backends.computeAsync(backend, graph.handle()));
  }

  void await() {
    backends.synchronize(backend);
  }

  private void require(int status) {
    if (status != 0) {
      throw new GgmlException(
          "device "
              + model.device().label()
              + " failed with status "
              + status
              + GgmlLog.lastError());
    }
  }

  /**
   * The logits of so many rows.
   *
   * @return false when there is too little memory: another session is to be begun
   */
  boolean logits(MemorySegment from, int rows, MemorySegment to, long toOffset) {
    Logits part = logits.computeIfAbsent(rows, Logits::new);
    if (!part.isReady() && part.make() && computed) {
      return false;
    }
    long rowBytes = (long) modelShape.dim() * Float.BYTES;
    long bytes = (long) rows * modelShape.vocab() * Float.BYTES;
    backends.tensorSet(workspace.logitsIn(), from, 0, rows * rowBytes);
    compute(part.graph);
    backends.tensorGet(workspace.logitsOut(), to.asSlice(toOffset, bytes), 0, bytes);
    return true;
  }

  /** The graphs of one shape. */
  final class Kept implements AutoCloseable {
    private final GgmlInputs inputs;
    private final @Nullable GgmlGraph[] graphs = new GgmlGraph[modelShape.layers()];

    Kept(GgmlInputs inputs) {
      this.inputs = inputs;
    }

    GgmlInputs inputs() {
      return inputs;
    }

    GgmlGraph graph(int index) {
      GgmlGraph graph = graphs[index];
      if (graph == null) {
        throw new IllegalStateException("layer " + index + " is not prepared");
      }
      return graph;
    }

    private boolean isReady(int index) {
      GgmlGraph graph = graphs[index];
      return graph != null && scratch.holds(graph);
    }

    /** True when the scratch memory grew for it. */
    private boolean make(int index) {
      GgmlGraph old = graphs[index];
      if (old != null) {
        old.close();
      }
      GgmlShape shape = inputs.shape();
      GgmlGraph graph = GgmlGraph.ofLayer(ggml.tensors(), shape);
      graphs[index] = graph;
      boolean gathers = index == modelShape.layers() - 1 && shape.wanted() < shape.rows();
      var _ = layers.describe(graph, index, inputs, gathers);
      return scratch.place(graph);
    }

    @Override
    public void close() {
      for (GgmlGraph graph : graphs) {
        if (graph != null) {
          graph.close();
        }
      }
      inputs.close();
    }
  }

  /** The graph of the output matrix for so many rows. */
  private final class Logits {
    private final int rows;
    private GgmlGraph graph = new GgmlGraph(ggml.tensors(), 0, 0);

    Logits(int rows) {
      this.rows = rows;
    }

    boolean isReady() {
      return scratch.holds(graph);
    }

    boolean make() {
      graph.close();
      graph = new GgmlGraph(ggml.tensors(), 0, 0);
      layers.describeLogits(graph, rows, workspace);
      return scratch.place(graph);
    }
  }

  @Override
  public void close() {
    await();
    shapes.values().forEach(Kept::close);
    logits.values().forEach(part -> part.graph.close());
    scratch.close();
    if (events != null) {
      events.close();
    }
    workspace.close();
    backends.free(backend);
    threads.close();
  }
}
