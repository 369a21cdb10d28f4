package dev.baton.cpu;

import dev.baton.arch.Attention;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Step;
import dev.baton.arch.Value;
import dev.baton.kernel.Activations;
import dev.baton.kernel.AttentionLayer;
import dev.baton.kernel.AttentionShape;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvView;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.PageMemory;
import dev.baton.kernel.RopeTable;
import dev.baton.kernel.RowRuns;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The forward pass on {@link Kernels}: runs the steps of a model's shape, each bound to its weights
 * and to this pass's memory when the pass is made.
 *
 * <p>Owns its scratch memory; one thread at a time. Nothing is allocated once warm.
 */
public final class CpuPass implements LayerPass {
  /** A step with all that it works on. */
  private interface Bound {
    void run();
  }

  private final CpuModel model;
  private final ModelShape shape;
  private final Kernels kernels;
  private final int maxTokens;
  private final Map<Value, Integer> widths;
  private final Arena arena = Arena.ofShared();
  private final Map<Value, MemorySegment> floats = new EnumMap<>(Value.class); // (tokens, width)
  private final Map<Value, Activations> activations = new EnumMap<>(Value.class);
  private final Map<Integer, AttentionLayer> attentions = new HashMap<>();
  private final MemorySegment hidden; // (tokens, dim)
  private final List<List<Bound>> layers = new ArrayList<>();
  private final List<Bound> output = new ArrayList<>();
  private final RowRuns all; // rows of the batch
  private final RowRuns wanted; // those that are wanted, moved together

  // What the steps work on at the moment.
  private TokenBatch batch;
  private int rows;
  private long firstRow; // of HIDDEN that is normalised
  private RowRuns runs; // that the rows are of
  private MemorySegment logits = MemorySegment.NULL;
  private boolean closed;

  /**
   * @param maxTokens rows of the largest batch
   */
  public CpuPass(CpuModel model, int maxTokens) {
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "a forward pass needs room for at least one token, got " + maxTokens);
    }
    this.model = model;
    this.shape = model.shape();
    this.kernels = model.kernels();
    this.maxTokens = maxTokens;
    this.batch = new TokenBatch(1);
    this.widths = model.steps().widths();
    this.hidden = rows(Value.HIDDEN);
    this.all = new RowRuns(maxTokens, arena);
    this.wanted = new RowRuns(maxTokens, arena);
    this.runs = all;
    for (int layer = 0; layer < shape.layers(); layer++) {
      layers.add(
          model.range().contains(layer)
              ? bound(layer, model.steps().layers().get(layer))
              : List.of());
    }
    if (model.range().to() == shape.layers()) {
      output.addAll(bound(shape.layers(), model.steps().output()));
    }
  }

  private List<Bound> bound(int layer, List<Step> steps) {
    return steps.stream().map(step -> bind(layer, step)).toList();
  }

  private Bound bind(int layer, Step step) {
    return switch (step) {
      case Step.Normalize norm -> normalize(norm);
      case Step.Project project -> project(project);
      case Step.Rotate rotate -> rotate(rotate);
      case Step.Store store -> store(attention(layer), store);
      case Step.Narrow narrow -> narrow(bound(layer, narrow.again()));
      case Step.Attend attend -> attend(attention(layer), attend);
      case Step.Activate activate -> activate(activate);
    };
  }

  /** What the kernels want to know of a layer's attention, once. */
  private AttentionLayer attention(int layer) {
    return attentions.computeIfAbsent(
        layer,
        _ ->
            switch (shape.block(layer).mixer()) {
              case Attention of -> {
                AttentionShape heads =
                    new AttentionShape(
                        of.heads(), of.kvHeads(), of.headDim(), of.headDim(), of.scale());
                yield new AttentionLayer(heads, model.kvGeometry(), layer, arena);
              }
            });
  }

  private MemorySegment rows(Value value) {
    return floats.computeIfAbsent(
        value, _ -> PageMemory.scratch((long) maxTokens * width(value) * Float.BYTES, arena));
  }

  private Activations activations(Value value) {
    return activations.computeIfAbsent(
        value, _ -> kernels.activations(maxTokens, width(value), model.kinds(value), arena));
  }

  private int width(Value value) {
    return Objects.requireNonNull(widths.get(value));
  }

  private Bound normalize(Step.Normalize norm) {
    MemorySegment x = rows(norm.from());
    MemorySegment weight = model.vectorOf(norm.weight());
    float eps = norm.eps();
    Activations to = activations(norm.to());
    return () -> kernels.rmsNorm(x, firstRow, weight, eps, rows, to);
  }

  private Bound project(Step.Project project) {
    PackedMatrix matrix = model.matrixOf(project.weight());
    Activations x = activations(project.from());
    if (project.to() == Value.LOGITS) {
      return () -> kernels.matmul(matrix, x, rows, logits, false);
    }
    MemorySegment to = rows(project.to());
    boolean adds = project.adds();
    return () -> kernels.matmul(matrix, x, rows, to, adds);
  }

  private Bound rotate(Step.Rotate rotate) {
    MemorySegment x = rows(rotate.x());
    RopeTable table = model.tableOf(rotate.rope());
    int heads = rotate.heads();
    int headDim = rotate.headDim();
    return () -> kernels.rope(x, runs, heads, headDim, table);
  }

  private Bound store(AttentionLayer layer, Step.Store store) {
    MemorySegment k = rows(store.keys());
    MemorySegment v = rows(store.values());
    return () -> kernels.storeKv(runs, layer, k, v);
  }

  private Bound attend(AttentionLayer layer, Step.Attend attend) {
    MemorySegment q = rows(attend.queries());
    Activations to = activations(attend.to());
    return () -> kernels.attention(runs, layer, q, to);
  }

  private Bound narrow(List<Bound> again) {
    return () -> {
      if (batch.wantedRows() < batch.rows()) {
        gatherWanted();
        runs = wanted;
        rows = wanted.rows();
        again.forEach(Bound::run);
      }
    };
  }

  private void takeRows() {
    all.clear();
    for (int run = 0; run < batch.runs(); run++) {
      KvView kv = batch.sequence(run).view();
      all.add(kv, batch.firstRow(run), batch.runTokens(run), batch.firstPosition(run));
    }
    runs = all;
    rows = all.rows();
    firstRow = 0;
  }

  /** Moves the wanted rows of {@link #hidden} together, to row 0 and on. */
  private void gatherWanted() {
    long rowBytes = (long) shape.dim() * Float.BYTES;
    wanted.clear();
    for (int run = 0; run < batch.runs(); run++) {
      int count = batch.runWanted(run);
      int before = batch.runTokens(run) - count;
      int from = batch.firstRow(run) + before;
      int to = wanted.rows();
      MemorySegment.copy(hidden, from * rowBytes, hidden, to * rowBytes, count * rowBytes);
      wanted.add(batch.sequence(run).view(), to, count, batch.firstPosition(run) + before);
    }
  }

  private Bound activate(Step.Activate activate) {
    MemorySegment gate = rows(activate.gate());
    MemorySegment up = rows(activate.up());
    Activations to = activations(activate.to());
    return switch (activate.activation()) {
      case SWIGLU -> () -> kernels.swiglu(gate, up, rows, to);
    };
  }

  public CpuModel model() {
    return model;
  }

  @Override
  public int maxTokens() {
    return maxTokens;
  }

  @Override
  public MemorySegment hidden() {
    return hidden;
  }

  @Override
  public void embed(TokenBatch tokens) {
    checkRows(tokens.rows());
    model.embedding().read(tokens, hidden);
  }

  @Override
  public void layers(TokenBatch of, int from, int to) {
    layers(of, from, to, _ -> true);
  }

  @Override
  public boolean layers(TokenBatch of, int from, int to, LayerListener listener) {
    ModelBackend.requireHeld(model, from, to);
    checkRows(of.rows());
    batch = of;
    takeRows();
    for (int layer = from; layer < to; layer++) {
      run(layers.get(layer));
      if (!listener.onLayer(layer)) {
        return false;
      }
    }
    return true;
  }

  private static void run(List<Bound> steps) {
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).run();
    }
  }

  @Override
  public void logits(int from, int count, MemorySegment out) {
    checkRows(from + count);
    ModelBackend.requireOutput(model);
    rows = count;
    firstRow = from;
    logits = out;
    run(output);
  }

  @Override
  public boolean maxima(int count, MemorySegment of, MemorySegment out) {
    kernels.maxima(of, count, shape.vocab(), out);
    return true;
  }

  private void checkRows(int count) {
    if (count > maxTokens) {
      throw new IllegalArgumentException(count + " rows do not fit a forward pass of " + maxTokens);
    }
  }

  /** Frees the scratch memory. Twice is fine. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
