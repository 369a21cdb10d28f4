package dev.baton.decode;

import dev.baton.kv.KvSequence;
import dev.baton.kv.Origin;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The decode node's part while a prefill node works for a session: layers [b, L) of each chunk as
 * its hidden rows arrive, and then the first decode step, layer by layer as their KV becomes whole.
 */
final class RemoteState {
  private final int[] prompt;
  private final KvSequence sequence;
  private final ChunkSchedule chunks;
  private final int boundaryLayer;
  private final int layers;
  private final long rowBytes;
  private final KvReceiver receiver;
  private final MemorySegment stepRow; // (1, dim): the step's row, while others use the pass
  private final List<RequestTimeline.Span> spans = new ArrayList<>();
  private int chunkedTokens;
  private long computedNs;
  private int upperTokens;
  private int wholeLayers;
  private int stepLayer;

  RemoteState(RemotePrefill plan, int[] prompt, KvSequence sequence, ModelBackend model) {
    this.prompt = prompt;
    this.sequence = sequence;
    this.chunks = plan.chunks();
    this.boundaryLayer = plan.boundaryLayer();
    this.layers = model.shape().layers();
    this.rowBytes = (long) model.shape().dim() * Float.BYTES;
    this.chunkedTokens = plan.firstToken();
    this.upperTokens = plan.firstToken();
    this.stepRow = Arena.ofAuto().allocate(rowBytes, Float.BYTES);
    if (plan.target().fidelity() == Fidelity.TOLERANT) {
      sequence.mark(Origin.TOLERANT); // what is left behind of it serves no exact request
    }
    this.receiver =
        plan.order(
            prompt,
            layers,
            (layer, _, firstToken, tokens, src, srcOffset, digest) ->
                model.importKv(
                    sequence, layer, firstToken, tokens, plan.wireType(), src, srcOffset, digest));
  }

  KvReceiver receiver() {
    return receiver;
  }

  /**
   * Runs layers [b, L) over the hidden rows of the chunks that have arrived whole and not gone
   * through yet, up to one batch of them. Part of a chunk waits for the rest: small batches cost
   * more than they win.
   *
   * @param mostTokens what the step has time for
   * @return rows run
   */
  int runArrivedChunk(DecodeCompute compute, int mostTokens) {
    BatchRunner runner = compute.runner();
    int count = Math.min(Math.min(arrivedTokens(), mostTokens), runner.forward().maxTokens());
    if (count <= 0) {
      return 0;
    }
    long startNs = runner.nowNs();
    long workStartNs = runner.workNs();
    TokenBatch batch = runner.batch();
    receiver.copyHidden(upperTokens, count, runner.forward().hidden(), 0);
    int end = upperTokens + count;
    int wanted = end == prompt.length ? 1 : 0;
    batch.clear().add(sequence, prompt, upperTokens, count, upperTokens, wanted);
    if (!runner.layers(boundaryLayer, layers)) {
      return 0;
    }
    batch.clear();
    long endNs = runner.nowNs();
    long ns = runner.workNs() - workStartNs;
    compute.ranChunk(count, layers - boundaryLayer, ns);
    runner.budget().ranShare(count, upperTokens, upperShare(), ns);
    computedNs += ns;
    keep(boundaryLayer, layers, upperTokens, count, startNs, endNs);
    upperTokens = end;
    receiver.hiddenTaken(end);
    return count;
  }

  /** Tokens behind {@link #upperTokens} whose chunks have arrived whole. */
  int arrivedTokens() {
    return boundaryLayer == layers ? 0 : arrivedChunks() - upperTokens;
  }

  /** Tokens that have gone through layers [b, L). */
  int upperTokens() {
    return upperTokens;
  }

  /** Which part of all layers is [b, L). */
  double upperShare() {
    return (double) (layers - boundaryLayer) / layers;
  }

  /** What is left for this node, as tokens that go through all layers. */
  long remaining() {
    return Math.round((prompt.length - upperTokens) * upperShare());
  }

  /** Tokens in chunks whose hidden rows have all arrived. */
  private int arrivedChunks() {
    int arrived = receiver.hiddenTokens();
    while (chunkedTokens < prompt.length) {
      int next = chunkedTokens + chunks.next(prompt.length - chunkedTokens);
      if (next > arrived) {
        break;
      }
      chunkedTokens = next;
    }
    return chunkedTokens;
  }

  private void keep(int from, int to, int firstToken, int tokens, long startNs, long endNs) {
    if (receiver.trace() != null) {
      spans.add(new RequestTimeline.Span(from, to, firstToken, tokens, startNs, endNs));
    }
  }

  /** How long layers [b, L) of the prompt took so far, waiting left out. */
  long computedNs() {
    return computedNs;
  }

  /** What was run here so far, where the stream keeps what arrives as well. */
  List<RequestTimeline.Span> spans() {
    return spans;
  }

  /** True while a chunk's hidden rows wait for this node. */
  boolean isBehind() {
    return arrivedTokens() > 0;
  }

  /** Whether the prompt's last row, out of the last layer, has come from the prefill node. */
  boolean isLastRowHere() {
    return boundaryLayer == layers && receiver.hiddenTokens() == prompt.length;
  }

  /**
   * True when the prompt's last row, out of the last layer, stands in row 0 of {@link
   * LayerPass#hidden}. With the whole prefill there, that is as soon as this one row has come.
   */
  boolean takeLastRow(LayerPass forward) {
    if (boundaryLayer < layers) {
      return upperTokens == prompt.length;
    }
    if (receiver.hiddenTokens() < prompt.length) {
      return false;
    }
    receiver.copyHidden(prompt.length - 1, 1, forward.hidden(), 0);
    return true;
  }

  /**
   * Takes the first decode step, the row of the token behind the prompt, through those further
   * layers whose KV is whole.
   *
   * @param tokens the prompt and the token behind it
   * @return layers run
   */
  int runStep(int[] tokens, DecodeCompute compute) {
    BatchRunner runner = compute.runner();
    LayerPass forward = runner.forward();
    TokenBatch batch = runner.batch();
    int until = usableLayers();
    int from = stepLayer;
    if (until <= from) {
      return 0;
    }
    long startNs = runner.nowNs();
    batch.clear().add(sequence, tokens, prompt.length, 1, prompt.length);
    if (from == 0) {
      forward.embed(batch);
    } else {
      MemorySegment.copy(stepRow, 0, forward.hidden(), 0, rowBytes);
    }
    if (!runner.layers(from, until)) {
      return 0;
    }
    batch.clear();
    MemorySegment.copy(forward.hidden(), 0, stepRow, 0, rowBytes);
    keep(from, until, prompt.length, 1, startNs, runner.nowNs());
    stepLayer = until;
    return until - from;
  }

  /** True once the step has begun: its row is on its way through the layers. */
  boolean isInStep() {
    return stepLayer > 0;
  }

  /** True when the step's row stands in row 0 of {@link LayerPass#hidden}, out of all layers. */
  boolean isStepDone() {
    return stepLayer == layers;
  }

  /** True when the prompt's KV stands here in every layer. */
  boolean isKvWhole() {
    return usableLayers() == layers;
  }

  /** Layers [0, n) in which the KV of the whole prompt stands here. */
  private int usableLayers() {
    while (wholeLayers < boundaryLayer && receiver.isLayerWhole(wholeLayers)) {
      wholeLayers++;
    }
    boolean upperIsDone = boundaryLayer == layers || upperTokens == prompt.length;
    return wholeLayers == boundaryLayer && upperIsDone ? layers : wholeLayers;
  }

  /**
   * Tokens [0, n) whose KV stands in every layer here, so that a fall-back may start behind them.
   */
  int usableTokens() {
    int covered = receiver.coveredTokens();
    return boundaryLayer < layers ? Math.min(covered, upperTokens) : covered;
  }
}
