package dev.baton.schedule;

import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs batches on the device, one pass at a time. Behind any layer a pass ends when all is closed,
 * is left by what was cancelled, and <em>pauses</em> for what goes before it, where the device can:
 * its hidden rows are kept aside while others are run, by the runner within it, and then it goes
 * on, to the same bits. The compute thread's, but for what says otherwise.
 */
public final class BatchRunner implements AutoCloseable {
  /** What a pass asks behind a layer. On the compute thread. */
  interface Between {
    /** {@link #call} was: what was cancelled leaves the pass. */
    void settle(BatchRunner pass);

    /** When at the latest the pass pauses: {@link WorkSource#dueNs}. */
    long dueNs();

    /**
     * The pass pauses.
     *
     * @param within runs what goes before it
     * @return what was done, 0 for nothing
     */
    int pause(BatchRunner within);
  }

  /** Of those whose passes are never left. */
  private static final Between NOTHING =
      new Between() {
        @Override
        public void settle(BatchRunner pass) {}

        @Override
        public long dueNs() {
          return Long.MAX_VALUE;
        }

        @Override
        public int pause(BatchRunner within) {
          return 0;
        }
      };

  /** How much longer than the last layer the next one may take. */
  static final double SLOWER = 1.2;

  /** A batch of so many rows tells what a layer takes of the next one. */
  private static final int TELLING_ROWS = 16;

  /** A pass that paused for nothing does not do so again for as long. */
  private static final long VAIN_NS = 1_000_000;

  private final LayerPass forward;
  private final TokenBatch batch;
  private final StepBudget budget;
  private final LongSupplier nanoClock;
  private final long rowBytes;
  private final Between between;
  private final LayerPass.LayerListener goesOn = this::goesOn;
  private final Arena arena = Arena.ofShared();
  private final @Nullable BatchRunner outer; // whose pauses this one works in
  private final @Nullable BatchRunner within; // null where passes do not pause
  private final MemorySegment kept; // hidden rows of the pass that pauses
  private boolean pausing;
  private boolean rowsApart;
  private LayerPass.@Nullable LayerListener listener;
  private int nextLayer;
  private int endLayer;
  private boolean unwanted;
  private long layerEndNs;
  private long layerNs;
  private double layerNsPerRow; // of the last pass that tells
  private long vainUntilNs;
  private long pausedNs;
  private volatile boolean stopped;
  private volatile boolean called;

  /**
   * @param maxRows rows of the largest batch
   */
  BatchRunner(
      ModelBackend model, int maxRows, StepBudget budget, LongSupplier nanoClock, Between between) {
    this.forward = model.pass(maxRows);
    this.batch = new TokenBatch(maxRows);
    this.budget = budget;
    this.nanoClock = nanoClock;
    this.rowBytes = (long) model.shape().dim() * Float.BYTES;
    this.between = between;
    this.outer = null;
    boolean pauses = between != NOTHING && forward.canPause();
    this.kept = pauses ? arena.allocate(maxRows * rowBytes, 64) : MemorySegment.NULL;
    this.within = pauses ? new BatchRunner(this) : null;
  }

  private BatchRunner(BatchRunner outer) {
    this.forward = outer.forward;
    this.batch = new TokenBatch(forward.maxTokens());
    this.budget = outer.budget;
    this.nanoClock = outer.nanoClock;
    this.rowBytes = outer.rowBytes;
    this.between = outer.between;
    this.outer = outer;
    this.kept = MemorySegment.NULL;
    this.within = null;
  }

  /** One of its own, in whose passes nothing is cancelled and that do not pause. */
  public BatchRunner(ModelBackend model, int maxRows, StepBudget budget, LongSupplier nanoClock) {
    this(model, maxRows, budget, nanoClock, NOTHING);
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

  /** A clock that stands while a pass pauses: what is computed meanwhile is others'. */
  public long workNs() {
    return nowNs() - pausedNs;
  }

  /** Whether passes pause. */
  boolean pauses() {
    return within != null;
  }

  /**
   * Whether in this step rows of answers stay out of a batch with prompts' chunks: it takes longer
   * than they may wait, and pauses for them. {@link StepBudget#rowsApart}.
   */
  public boolean rowsApart() {
    return rowsApart;
  }

  void rowsApart(boolean apart) {
    rowsApart = apart;
  }

  /**
   * Runs layers [from, to) over {@link #batch}.
   *
   * @return false when its rows are worth nothing: all is being closed, or nobody wants one of them
   */
  public boolean layers(int from, int to) {
    return layers(from, to, null);
  }

  /**
   * The same, telling {@code told} of each layer: its KV stands in the cache.
   *
   * @return false when the listener ended it, or as above
   */
  public boolean layers(int from, int to, LayerPass.@Nullable LayerListener told) {
    listener = told;
    nextLayer = from;
    endLayer = to;
    unwanted = false;
    layerNs = (long) (layerNsPerRow * batch.rows());
    look();
    while (nextLayer < to && batch.rows() > 0 && !isStopped()) {
      boolean through =
          told == null
              ? forward.layersWhile(batch, nextLayer, to, goesOn)
              : forward.layers(batch, nextLayer, to, goesOn);
      if (through || unwanted) {
        return !unwanted && !isStopped();
      }
      look();
    }
    return batch.rows() > 0 && !isStopped();
  }

  /** Behind the last layer only the wanted rows are left, and what was called for is at hand. */
  private boolean goesOn(int layer) {
    nextLayer = layer + 1;
    long nowNs = nowNs();
    layerNs = nowNs - layerEndNs;
    layerEndNs = nowNs;
    if (batch.rows() >= TELLING_ROWS) {
      layerNsPerRow = (double) layerNs / batch.rows();
    }
    LayerPass.LayerListener told = listener;
    if (!forward.canPause()) {
      settle();
      unwanted = isStopped() || batch.rows() == 0 || (told != null && !told.onLayer(layer));
      return !unwanted;
    }
    unwanted = told != null && !told.onLayer(layer);
    return !unwanted && !isStopped() && (nextLayer == endLayer || !(isCalled() || isDue(nowNs)));
  }

  private boolean isDue(long nowNs) {
    return within != null
        && nowNs >= vainUntilNs
        && nowNs + (long) (SLOWER * layerNs) >= between.dueNs();
  }

  private boolean settle() {
    BatchRunner root = root();
    boolean was = root.called;
    if (was) {
      root.called = false;
      between.settle(this);
    }
    return was;
  }

  private void look() {
    boolean asked = settle();
    BatchRunner others = within;
    if (others != null && batch.rows() > 0 && (asked || isDue(nowNs()))) {
      pause(others);
      boolean _ = settle(); // what was cancelled by a listener meanwhile
    }
    layerEndNs = nowNs();
  }

  private void pause(BatchRunner others) {
    long startNs = nowNs();
    MemorySegment.copy(forward.hidden(), 0, kept, 0, batch.rows() * rowBytes);
    pausing = true;
    try {
      if (between.pause(others) == 0) {
        vainUntilNs = nowNs() + VAIN_NS;
      }
    } finally {
      pausing = false;
      MemorySegment.copy(kept, 0, forward.hidden(), 0, batch.rows() * rowBytes);
      pausedNs += nowNs() - startNs;
    }
  }

  /**
   * Takes a run out of the batch that is under way, or of that of the pass that pauses: it goes on
   * without it. Only while {@link WorkSource#settleWithin} is called; nothing where it is in
   * neither.
   */
  public void drop(KvSequence sequence) {
    for (int run = 0; run < batch.runs(); run++) {
      if (batch.sequence(run) == sequence) {
        MemorySegment hidden = pausing ? kept : forward.hidden();
        int first = batch.firstRow(run);
        int next = batch.firstRow(run + 1);
        long moved = (batch.rows() - next) * rowBytes;
        MemorySegment.copy(hidden, next * rowBytes, hidden, first * rowBytes, moved);
        batch.remove(run);
        return;
      }
    }
    if (outer != null) {
      outer.drop(sequence);
    }
  }

  private BatchRunner root() {
    return outer == null ? this : outer;
  }

  /** Ends the pass at hand after its next layer, and all that follow. Any thread. */
  void stop() {
    stopped = true;
  }

  /** True when all is being closed: nothing may be done with what passes give. Any thread. */
  public boolean isStopped() {
    return root().stopped;
  }

  /** Has what was cancelled, or is new, looked after behind the next layer. Any thread. */
  void call() {
    called = true;
  }

  private boolean isCalled() {
    return root().called;
  }

  /** Frees the scratch memory; the thread must have ended. Twice is fine. */
  @Override
  public void close() {
    forward.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
