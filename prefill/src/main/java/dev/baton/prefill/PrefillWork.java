package dev.baton.prefill;

import dev.baton.kv.KvSequence;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Stage;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.ChunkWork;
import dev.baton.schedule.StepBudget;
import java.lang.foreign.MemorySegment;

/**
 * An accepted order, computed a chunk at a time, and its blocks, which two parties hold: the
 * compute and the stream. The chunks belong to the compute thread.
 */
final class PrefillWork implements KvSource, ChunkWork {
  private final PrefillOrder order;
  private final KvSender sender;
  private final KvSequence sequence;
  private final ModelBackend model;
  private final PrefixBlocks prefix;
  private boolean begun;
  private volatile int doneTokens;
  private int offered;
  private int granted;
  private long startNs;
  private long endNs;
  private volatile boolean stopped;
  private int holders = 2; // guarded by this

  /**
   * @param prefix what of the prompt stands in the sequence already
   */
  PrefillWork(
      PrefillOrder order,
      KvSender sender,
      KvSequence sequence,
      PrefixBlocks prefix,
      ModelBackend model) {
    this.order = order;
    this.sender = sender;
    this.sequence = sequence;
    this.model = model;
    this.prefix = prefix;
    this.doneTokens = prefix.cachedTokens();
  }

  /** Ends the computing after the layer at hand and tells the other side why. Any thread. */
  void fail(String reason) {
    stopped = true;
    sender.fail(reason);
  }

  private boolean sendsRows() {
    return order.stage().rows() == Stage.Rows.ALL;
  }

  @Override
  public boolean isThrough() {
    return isUnwanted() || next() == order.tokens().length;
  }

  /** The next token to compute; an earlier one where its row is wanted again. */
  private int next() {
    return sendsRows() ? Math.min(doneTokens, sender.rowsFrom()) : doneTokens;
  }

  @Override
  public void offer() {
    int all = order.tokens().length;
    int at = next();
    granted = 0;
    offered = isUnwanted() || at == all ? 0 : order.chunks().next(all - at);
    // Of tokens that the other node has no rows are sent.
    int rows = at + offered - Math.max(at, order.firstToken());
    if (sendsRows() && rows > 0 && sender.rowsRoom() < rows) {
      offered = 0; // it would only wait
    }
  }

  @Override
  public boolean isReady() {
    return offered > 0 && granted == 0;
  }

  @Override
  public boolean take(StepBudget budget) {
    granted = budget.takeShare(offered, next(), share());
    return granted > 0;
  }

  /** True while there is nothing to do but to wait for room for its rows, which is told of. */
  boolean waitsForRoom() {
    return offered == 0 && !isThrough();
  }

  /** Tokens that may go through its layers in this step. */
  int granted() {
    return granted;
  }

  /** Which part of all layers is computed. */
  private double share() {
    return (double) order.stage().toLayer() / model.shape().layers();
  }

  /**
   * Holds the blocks for the compute once more, where all was computed and some rows are wanted
   * again; false where they are not, or the blocks are gone.
   */
  synchronized boolean takeAgain() {
    boolean again =
        holders > 0
            && sendsRows()
            && !isUnwanted()
            && doneTokens == order.tokens().length
            && sender.rowsFrom() < doneTokens;
    holders += again ? 1 : 0;
    return again;
  }

  boolean isUnwanted() {
    return stopped || sender.isOver();
  }

  /** None once nobody wants them. */
  @Override
  public long remaining() {
    return isUnwanted() ? 0 : Math.round((order.tokens().length - doneTokens) * share());
  }

  @Override
  public int heldTokens() {
    return prefix.cachedTokens();
  }

  KvSequence sequence() {
    return sequence;
  }

  /**
   * Computes what was granted; every layer's slice goes to the sender as soon as the layer is done.
   */
  void run(BatchRunner runner) {
    if (isUnwanted() || !begin(runner)) {
      return;
    }
    int[] tokens = order.tokens();
    // Rows that are wanted again: their tokens go through the layers again, to the same bits.
    int at = next();
    int end = Math.min(at + granted, tokens.length);
    int from = Math.max(at, order.firstToken());
    TokenBatch batch = runner.batch().clear();
    batch.add(sequence, tokens, at, end - at, at, wantedRows(end - at, end == tokens.length));
    runner.forward().embed(batch);
    long passNs = runner.workNs();
    boolean wanted =
        runner.layers(
            0,
            order.stage().toLayer(),
            layer -> {
              if (from < end) {
                sender.slice(layer, from, end - from);
              }
              return !isUnwanted();
            });
    batch.clear();
    if (!wanted) {
      return;
    }
    runner.budget().ranShare(end - at, at, share(), runner.workNs() - passNs);
    doneTokens = end;
    prefix.keep(sequence, end);
    sendRows(runner.forward().hidden(), at, end);
    if (end == tokens.length) {
      endNs = runner.nowNs();
    }
  }

  /** The first time; false where it cannot be. */
  private boolean begin(BatchRunner runner) {
    if (!begun) {
      begun = true;
      String trouble = model.trouble();
      if (trouble != null) {
        fail(trouble);
        return false;
      }
      sender.begin(this);
      startNs = runner.nowNs();
      sendCached();
    }
    return true;
  }

  private void sendRows(MemorySegment hidden, int at, int end) {
    int from = Math.max(at, order.firstToken());
    if (sendsRows()) {
      if (from < end) {
        sender.hidden(from, end - from, hidden, from - at);
      }
    } else if (end == order.tokens().length && order.stage().rows() == Stage.Rows.LAST) {
      sender.hidden(end - 1, 1, hidden, isWhole() ? 0 : end - at - 1);
    }
  }

  /** What is here from an earlier order and not at the other node leaves first. */
  private void sendCached() {
    int from = order.firstToken();
    for (int layer = 0; from < doneTokens && layer < order.stage().toLayer(); layer++) {
      sender.slice(layer, from, doneTokens - from);
    }
  }

  /**
   * The compute is through with it. Its blocks come first: who hears that all is done may order the
   * next prompt at once, and there may be room for one.
   */
  void end() {
    letGo();
    if (doneTokens == order.tokens().length) {
      sender.done(startNs, endNs);
    }
  }

  /** Whether it goes through all layers, behind which there are only the rows that are wanted. */
  private boolean isWhole() {
    return order.stage().toLayer() == model.shape().layers();
  }

  private int wantedRows(int chunk, boolean last) {
    return isWhole() && sendsRows() ? chunk : last ? 1 : 0;
  }

  @Override
  public long exportSlice(
      int layer, int state, int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    return model.exportKv(sequence, layer, firstToken, tokens, order.wireType(), dst, dstOffset);
  }

  /** One of the two holders needs the blocks no more. */
  synchronized void letGo() {
    if (--holders == 0) {
      sequence.close();
    }
  }
}
