package dev.baton.prefill;

import dev.baton.kv.KvSequence;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Stage;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.Turns;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * An accepted order, computed a chunk at a time, and its blocks, which two parties hold: the
 * compute and the stream. The chunks belong to the compute thread.
 */
final class PrefillJob implements KvSource, Turns.Work {
  private final PrefillOrder order;
  private final KvSender sender;
  private final KvSequence sequence;
  private final ModelBackend model;
  private final PrefixBlocks prefix;
  private boolean begun;
  private int doneTokens;
  private long startNs;
  private long endNs;
  private volatile boolean stopped;
  private int holders = 2; // guarded by this

  /**
   * @param prefix what of the prompt stands in the sequence already
   */
  PrefillJob(
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

  /** False while the receiver has no room for the next chunk's boundary rows. */
  @Override
  public boolean isReady() {
    if (!sendsRows() || isUnwanted()) {
      return true;
    }
    int all = order.tokens().length;
    int at = Math.min(doneTokens, sender.rowsFrom());
    if (at == all) {
      return true;
    }
    // Of tokens that the other node has no rows are sent.
    int end = at + order.chunks().next(all - at);
    int rows = end - Math.max(at, order.firstToken());
    return rows <= 0 || sender.rowsRoom() >= rows;
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

  private boolean isUnwanted() {
    return stopped || sender.isOver();
  }

  /** Tokens times layers that are not computed yet; none once nobody wants them. */
  @Override
  public long remaining() {
    return isUnwanted() ? 0 : (long) (order.tokens().length - doneTokens) * order.stage().toLayer();
  }

  /**
   * Computes the next chunk; every layer's slice goes to the sender as soon as the layer is done.
   *
   * @return true when nothing is left to compute, or nobody wants the rest
   */
  boolean runChunk(LayerPass forward, TokenBatch batch, LongSupplier nanoClock) {
    if (isUnwanted()) {
      return true;
    }
    if (!begun) {
      begun = true;
      String trouble = model.trouble();
      if (trouble != null) {
        fail(trouble);
        return true;
      }
      sender.begin(this);
      startNs = nanoClock.getAsLong();
      sendCached();
    }
    int[] tokens = order.tokens();
    // Rows that are wanted again: their tokens go through the layers again, to the same bits.
    int at = sendsRows() ? Math.min(doneTokens, sender.rowsFrom()) : doneTokens;
    int end = at + order.chunks().next(tokens.length - at);
    int from = Math.max(at, order.firstToken());
    batch
        .clear()
        .add(sequence, tokens, at, end - at, at, wantedRows(end - at, end == tokens.length));
    forward.embed(batch);
    boolean wanted =
        forward.layers(
            batch,
            0,
            order.stage().toLayer(),
            layer -> {
              if (from < end) {
                sender.slice(layer, from, end - from);
              }
              return !isUnwanted();
            });
    if (!wanted) {
      return true;
    }
    doneTokens = end;
    prefix.keep(sequence, doneTokens);
    if (sendsRows()) {
      if (from < end) {
        sender.hidden(from, end - from, forward.hidden(), from - at);
      }
    } else if (end == tokens.length && order.stage().rows() == Stage.Rows.LAST) {
      sender.hidden(end - 1, 1, forward.hidden(), isWhole() ? 0 : end - at - 1);
    }
    if (end < tokens.length) {
      return false;
    }
    endNs = nanoClock.getAsLong();
    return true;
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
