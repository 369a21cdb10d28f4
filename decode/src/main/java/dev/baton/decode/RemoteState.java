package dev.baton.decode;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvView;
import dev.baton.kvstream.KvReceiver;
import dev.baton.model.ForwardPass;
import dev.baton.model.KvSequence;
import dev.baton.model.LlamaModel;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;

/**
 * The decode node's part while a prefill node works for a session: layers [b, L) of each chunk as
 * its hidden rows arrive.
 */
final class RemoteState {
  private final int[] prompt;
  private final KvSequence sequence;
  private final int boundaryLayer;
  private final int layers;
  private final int dim;
  private final KvReceiver receiver;
  private int upperTokens;
  private int lastRow;

  RemoteState(RemotePrefill plan, int[] prompt, KvSequence sequence, LlamaModel model) {
    this.prompt = prompt;
    this.sequence = sequence;
    this.boundaryLayer = plan.boundaryLayer();
    this.layers = model.config().layers();
    this.dim = model.config().dim();
    Kernels kernels = model.kernels();
    KvView view = sequence.view();
    this.receiver =
        plan.order(
            prompt,
            (layer, firstToken, tokens, src, srcOffset, digest) ->
                kernels.importKv(
                    view, layer, firstToken, tokens, plan.wireType(), src, srcOffset, digest));
  }

  KvReceiver receiver() {
    return receiver;
  }

  /**
   * Runs layers [b, L) over the hidden rows that have arrived and not gone through yet, up to one
   * batch of them.
   */
  int runArrivedChunk(ForwardPass forward, TokenBatch batch) {
    if (boundaryLayer == layers) {
      return 0;
    }
    int arrived = receiver.hiddenTokens();
    int count = Math.min(arrived - upperTokens, forward.maxTokens());
    if (count <= 0) {
      return 0;
    }
    copyRows(upperTokens, count, forward);
    batch.clear().add(sequence, prompt, upperTokens, count, upperTokens);
    forward.layers(batch, boundaryLayer, layers);
    batch.clear();
    upperTokens += count;
    lastRow = count - 1;
    return count;
  }

  /**
   * True when the prompt's last row, out of the last layer, stands in {@link ForwardPass#hidden} at
   * {@link #lastRow}.
   */
  boolean takeLastRow(ForwardPass forward) {
    if (boundaryLayer < layers) {
      return upperTokens == prompt.length;
    }
    if (receiver.state() != KvReceiver.State.WHOLE) {
      return false;
    }
    copyRows(0, 1, forward);
    lastRow = 0;
    return true;
  }

  int lastRow() {
    return lastRow;
  }

  /**
   * Tokens [0, n) whose KV stands in every layer here, so that a fall-back may start behind them.
   */
  int usableTokens() {
    int covered = receiver.coveredTokens();
    return boundaryLayer < layers ? Math.min(covered, upperTokens) : covered;
  }

  private void copyRows(int from, int count, ForwardPass forward) {
    long rowBytes = (long) dim * Float.BYTES;
    MemorySegment.copy(
        receiver.hiddenRows(), from * rowBytes, forward.hidden(), 0, count * rowBytes);
  }
}
