package dev.baton.schedule;

import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Runs batches on the device: one pass at a time, which ends behind any layer when all is closed,
 * and from which what was cancelled is taken there. The compute thread's, but for what says
 * otherwise.
 */
public final class BatchRunner implements AutoCloseable {
  private final LayerPass forward;
  private final TokenBatch batch;
  private final StepBudget budget;
  private final LongSupplier nanoClock;
  private final long rowBytes;
  private final Consumer<BatchRunner> between;
  private final LayerPass.LayerListener goesOn = this::goesOn;
  private int nextLayer;
  private int endLayer;
  private volatile boolean stopped;
  private volatile boolean called;

  /**
   * @param maxRows rows of the largest batch
   * @param between called behind a layer where {@link #call} was
   */
  BatchRunner(
      ModelBackend model,
      int maxRows,
      StepBudget budget,
      LongSupplier nanoClock,
      Consumer<BatchRunner> between) {
    this.forward = model.pass(maxRows);
    this.batch = new TokenBatch(maxRows);
    this.budget = budget;
    this.nanoClock = nanoClock;
    this.rowBytes = (long) model.shape().dim() * Float.BYTES;
    this.between = between;
  }

  /** One of its own, in whose passes nothing is cancelled. */
  public BatchRunner(ModelBackend model, int maxRows, StepBudget budget, LongSupplier nanoClock) {
    this(model, maxRows, budget, nanoClock, _ -> {});
  }

  /** The pass: for embeddings, logits and hidden rows. Layers are run by {@link #layers}. */
  public LayerPass forward() {
    return forward;
  }

  /** Room for a batch, used by one after the other. */
  public TokenBatch batch() {
    return batch;
  }

  /** What is told how long passes took. */
  public StepBudget budget() {
    return budget;
  }

  public long nowNs() {
    return nanoClock.getAsLong();
  }

  /**
   * Runs layers [from, to) over {@link #batch}.
   *
   * @return false when its rows are worth nothing: all is being closed, or nobody wants one of them
   */
  public boolean layers(int from, int to) {
    nextLayer = from;
    endLayer = to;
    while (nextLayer < endLayer && batch.rows() > 0) {
      if (forward.layersWhile(batch, nextLayer, endLayer, goesOn)) {
        return !stopped;
      }
      if (stopped) {
        return false;
      }
      called = false;
      between.accept(this);
    }
    return batch.rows() > 0 && !stopped;
  }

  /**
   * The same, telling {@code listener} of each layer: its KV stands in the cache.
   *
   * @return false when the listener ended it, or as above
   */
  public boolean layers(int from, int to, LayerPass.LayerListener listener) {
    boolean wanted =
        forward.layers(
            batch,
            from,
            to,
            layer -> {
              if (called) {
                called = false;
                between.accept(this);
              }
              return !stopped && batch.rows() > 0 && listener.onLayer(layer);
            });
    return wanted && !stopped;
  }

  /** Behind the last layer only the wanted rows are left, and what was called for is at hand. */
  private boolean goesOn(int layer) {
    nextLayer = layer + 1;
    return !stopped && (!called || nextLayer == endLayer);
  }

  /**
   * Takes a run out of the batch that is under way: the pass goes on without it. Only while {@link
   * WorkSource#settleWithin} is called; nothing where it is not in it.
   */
  public void drop(KvSequence sequence) {
    for (int run = 0; run < batch.runs(); run++) {
      if (batch.sequence(run) == sequence) {
        MemorySegment hidden = forward.hidden();
        int first = batch.firstRow(run);
        int next = batch.firstRow(run + 1);
        long moved = (batch.rows() - next) * rowBytes;
        MemorySegment.copy(hidden, next * rowBytes, hidden, first * rowBytes, moved);
        batch.remove(run);
        return;
      }
    }
  }

  /** Ends the pass at hand after its next layer, and all that follow. Any thread. */
  void stop() {
    stopped = true;
  }

  /** True when all is being closed: nothing may be done with what passes give. Any thread. */
  public boolean isStopped() {
    return stopped;
  }

  /** Has what was cancelled looked after behind the next layer. Any thread. */
  void call() {
    called = true;
  }

  /** Frees the scratch memory; the thread must have ended. Twice is fine. */
  @Override
  public void close() {
    forward.close();
  }
}
