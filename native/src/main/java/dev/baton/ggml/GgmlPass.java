package dev.baton.ggml;

import dev.baton.arch.LayerRange;
import dev.baton.arch.ModelShape;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The forward pass on a device of ggml: one graph for each layer, made once for each shape of batch
 * and then computed again and again. On a device with events the next layer is queued before the
 * last one is waited for, so that its KV is exported while the device computes.
 *
 * <p>One thread at a time; the KV of layers that are done may be exported by others meanwhile.
 */
final class GgmlPass implements LayerPass {
  /** Room for masks at first, in tokens that each row of the largest batch may see. */
  private static final int FIRST_KV_TOKENS = 2048;

  private final GgmlModel model;
  private final ModelShape modelShape;
  private final GgmlBackends backends;
  private final int maxTokens;
  private final boolean oneAhead;
  private final GgmlLayers layers;
  private final GgmlKv kv;
  private final GgmlMasks masks;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment hidden; // (maxTokens, dim)
  private GgmlSession session;
  private int lastLayer; // that a listener was told of
  private boolean closed;

  /**
   * @param oneAhead whether to use the device's events
   * @throws GgmlException when the device has too little memory or lacks an operation
   */
  GgmlPass(GgmlModel model, GgmlKv kv, int maxTokens, boolean oneAhead) {
    this.model = model;
    this.modelShape = model.shape();
    this.backends = model.ggml().backends();
    this.kv = kv;
    this.maxTokens = maxTokens;
    this.oneAhead = oneAhead;
    this.hidden = arena.allocate((long) maxTokens * modelShape.dim() * Float.BYTES, 64);
    try {
      this.masks = new GgmlMasks(backends, kv.slots(), arena);
      this.layers = supported(kv);
      this.session = begun((maxTokens + 128L) * FIRST_KV_TOKENS);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private GgmlSession begun(long maskElements) {
    return new GgmlSession(model, layers, maxTokens, maskElements, oneAhead);
  }

  private void beginAnew(long maskElements) {
    session.close();
    session = begun(maskElements);
  }

  /** The layers, once the device has proved to have all that they are made of. */
  private GgmlLayers supported(GgmlKv kv) {
    GgmlLayers flash = layers(kv, true);
    if (missing(flash) == null) {
      return flash;
    }
    GgmlLayers plain = layers(kv, false);
    String missing = missing(plain);
    if (missing != null) {
      throw new GgmlException(
          "device "
              + model.device().label()
              + " lacks an operation of this model ("
              + missing
              + "); use another device");
    }
    return plain;
  }

  private GgmlLayers layers(GgmlKv kv, boolean flash) {
    return new GgmlLayers(model.ggml().tensors(), model.weights(), kv, modelShape, flash);
  }

  private @Nullable String missing(GgmlLayers described) {
    GgmlLibrary ggml = model.ggml();
    GgmlShape shape = GgmlShape.pair();
    long mask = GgmlInputs.maskElements(shape);
    try (GgmlWorkspace workspace =
            new GgmlWorkspace(ggml, model.device(), modelShape, shape.rows(), mask);
        GgmlInputs inputs = new GgmlInputs(ggml, modelShape, shape, workspace)) {
      LayerRange held = model.range();
      for (int index = held.from(); index < held.to(); index++) {
        try (GgmlGraph graph = GgmlGraph.ofLayer(ggml.tensors(), shape)) {
          int number = 0;
          for (MemorySegment operation : described.describe(graph, index, inputs, false)) {
            number++;
            if (!backends.deviceSupports(model.device().handle(), operation)) {
              return "number " + number + " of layer " + index;
            }
          }
        }
      }
    }
    return null;
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
  public void embed(TokenBatch batch) {
    checkRows(batch.rows());
    model.embedding().read(batch, hidden);
  }

  @Override
  public void layers(TokenBatch batch, int from, int to) {
    boolean _ = run(batch, from, to, null);
  }

  @Override
  public boolean layers(TokenBatch batch, int from, int to, LayerListener listener) {
    return run(batch, from, to, listener);
  }

  @Override
  public boolean layersWhile(TokenBatch batch, int from, int to, LayerListener listener) {
    // Another device is given all layers at once and waited for once; it is done before long.
    return run(batch, from, to, canPause() ? listener : null);
  }

  @Override
  public boolean canPause() {
    return model.device().isCpu();
  }

  private boolean run(TokenBatch batch, int from, int to, @Nullable LayerListener listener) {
    ModelBackend.requireHeld(model, from, to);
    checkRows(batch.rows());
    if (from == to || batch.rows() == 0) {
      return true;
    }
    kv.beginReading();
    try {
      return runSound(batch, from, to, listener);
    } finally {
      kv.endReading();
    }
  }

  private boolean runSound(TokenBatch batch, int from, int to, @Nullable LayerListener listener) {
    List<GgmlReads> reads = GgmlReads.of(batch, kv);
    GgmlSession.Kept kept = prepared(GgmlShape.of(batch, reads), from, to);
    GgmlInputs inputs = kept.inputs();
    inputs.set(batch, reads, masks);
    kv.forget(batch, from, to);
    long rowBytes = (long) modelShape.dim() * Float.BYTES;
    backends.tensorSet(inputs.hidden(from), hidden, 0, batch.rows() * rowBytes);
    boolean wanted =
        listener == null
            ? compute(kept, from, to)
            : compute(kept, from, to, layer -> onLayer(batch, layer, listener));
    if (!wanted && canPause() && lastLayer < to - 1) {
      backends.tensorGet(inputs.result(lastLayer, false), hidden, 0, batch.rows() * rowBytes);
    }
    if (wanted) {
      boolean gathered = to == modelShape.layers() && batch.wantedRows() < batch.rows();
      int rows = gathered ? batch.wantedRows() : batch.rows();
      if (rows > 0) {
        backends.tensorGet(inputs.result(to - 1, gathered), hidden, 0, rows * rowBytes);
      }
    }
    return wanted;
  }

  /** Its KV is first brought to where no device is waited for, except from host memory. */
  private boolean onLayer(TokenBatch batch, int layer, LayerListener listener) {
    if (!model.device().isCpu()) {
      kv.fetch(batch, layer);
    }
    lastLayer = layer;
    return listener.onLayer(layer);
  }

  /** All graphs of a range, if need be in a session with more memory. */
  private GgmlSession.Kept prepared(GgmlShape shape, int from, int to) {
    long mask = GgmlInputs.maskElements(shape);
    if (mask > session.maskElements()) {
      beginAnew(Math.max(mask, 2 * session.maskElements()));
    }
    GgmlSession.Kept kept = session.kept(shape);
    while (!session.prepare(kept, from, to)) {
      beginAnew(session.maskElements());
      kept = session.kept(shape);
    }
    return kept;
  }

  private boolean compute(GgmlSession.Kept kept, int from, int to) {
    for (int index = from; index < to; index++) {
      session.queue(kept.graph(index));
    }
    session.await();
    return true;
  }

  /** The same, telling of each layer; leaves the device idle. */
  private boolean compute(GgmlSession.Kept kept, int from, int to, LayerListener listener) {
    GgmlEvents events = session.events();
    for (int index = from; index < to; index++) {
      if (events == null) {
        session.compute(kept.graph(index));
        if (!listener.onLayer(index)) {
          return false;
        }
        continue;
      }
      session.queue(kept.graph(index));
      events.record(index);
      if (index > from) {
        events.await(index - 1);
        if (!listener.onLayer(index - 1)) {
          session.await();
          return false;
        }
      }
    }
    session.await();
    return events == null || listener.onLayer(to - 1);
  }

  @Override
  public void logits(int firstRow, int rows, MemorySegment out) {
    ModelBackend.requireOutput(model);
    checkRows(firstRow + rows);
    long rowBytes = (long) modelShape.dim() * Float.BYTES;
    long outBytes = (long) modelShape.vocab() * Float.BYTES;
    int count;
    for (int done = 0; done < rows; done += count) {
      count = Math.min(rows - done, GgmlWorkspace.LOGITS_ROWS);
      MemorySegment from = hidden.asSlice((firstRow + done) * rowBytes, count * rowBytes);
      while (!session.logits(from, count, out, done * outBytes)) {
        beginAnew(session.maskElements());
      }
    }
  }

  private void checkRows(int rows) {
    if (rows > maxTokens) {
      throw new IllegalArgumentException(rows + " rows do not fit a forward pass of " + maxTokens);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (GgmlAbort.reason() == null) { // else its thread never comes back, and may hold anything
      session.close();
      arena.close();
    }
  }
}
