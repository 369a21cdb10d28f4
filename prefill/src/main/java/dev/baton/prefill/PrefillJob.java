package dev.baton.prefill;

import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.model.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * An accepted order, computed a chunk at a time, and its blocks, which two parties hold: the
 * compute and the stream. The chunks belong to the compute thread.
 */
final class PrefillJob implements KvSource, ChunkTurns.Work {
  private final PrefillOrder order;
  private final KvSender sender;
  private final KvSequence sequence;
  private final ModelBackend model;
  private int doneTokens;
  private long startNs;
  private long endNs;
  private volatile boolean stopped;
  private int holders = 2; // guarded by this

  PrefillJob(PrefillOrder order, KvSender sender, KvSequence sequence, ModelBackend model) {
    this.order = order;
    this.sender = sender;
    this.sequence = sequence;
    this.model = model;
  }

  /** Ends the computing after the layer at hand and tells the other side why. Any thread. */
  void fail(String reason) {
    stopped = true;
    sender.fail(reason);
  }

  private boolean isUnwanted() {
    return stopped || sender.isOver();
  }

  /** Tokens times layers that are not computed yet; none once nobody wants them. */
  @Override
  public long remaining() {
    return isUnwanted() ? 0 : (long) (order.tokens().length - doneTokens) * order.boundaryLayer();
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
    if (doneTokens == 0) {
      String trouble = model.trouble();
      if (trouble != null) {
        fail(trouble);
        return true;
      }
      sender.begin(this);
      startNs = nanoClock.getAsLong();
    }
    int[] tokens = order.tokens();
    int at = doneTokens;
    int end = at + order.chunks().next(tokens.length - at);
    int from = Math.max(at, order.firstToken());
    batch.clear().add(sequence, tokens, at, end - at, at, end == tokens.length ? 1 : 0);
    forward.embed(batch);
    boolean wanted =
        forward.layers(
            batch,
            0,
            order.boundaryLayer(),
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
    if (order.boundaryLayer() < model.config().layers()) {
      if (from < end) {
        sender.hidden(from, end - from, forward.hidden(), from - at);
      }
    } else if (end == tokens.length) {
      sender.hidden(end - 1, 1, forward.hidden(), 0); // the one row that was wanted
    }
    if (end < tokens.length) {
      return false;
    }
    endNs = nanoClock.getAsLong();
    return true;
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

  @Override
  public long exportSlice(
      int layer, int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    return model.exportKv(sequence, layer, firstToken, tokens, order.wireType(), dst, dstOffset);
  }

  /** One of the two holders needs the blocks no more. */
  synchronized void letGo() {
    if (--holders == 0) {
      sequence.close();
    }
  }
}
