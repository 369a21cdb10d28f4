package dev.baton.decode;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import dev.baton.model.KvSequence;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One request in the decode loop. What it is about fits in two numbers: {@code length} tokens are
 * known (the prompt and the answer so far), and the first {@code ready} of them have their KV in
 * every layer. Running the tokens between the two gives the next one; whether that is a prefill
 * chunk or a decode step is only a matter of how many there are. While the session awaits KV from a
 * prefill node, {@link RemoteState} moves {@code ready} instead: the first token is chosen as soon
 * as the prompt's last row is there, the step behind it runs layer by layer as they become whole,
 * and from then on the session decodes like any other.
 *
 * <p>{@link #cancel} may be called from any thread; all else belongs to the decode thread.
 */
public final class DecodeSession {
  private static final long PROGRESS_INTERVAL_NS = 50_000_000;

  private final DecodeRequest request;
  private final Sampler sampler;
  private final long submittedNs;
  private final int[] tokens;
  private int length;
  private int ready;
  private int output;
  private @Nullable KvSequence sequence;
  private @Nullable RemoteState remote;
  private @Nullable Patience patience;
  private boolean awaitsKv;
  private DecodeOutcome.@Nullable End end;
  private @Nullable String failure;
  private @Nullable String fallback;
  private boolean lossy;
  private @Nullable TransferReport transfer;
  private List<TransferTrace.Arrival> arrivals = List.of();
  private List<RequestTimeline.Span> spans = List.of();
  private long sharedPrefillNs;
  private long admittedNs;
  private long prefilledNs;
  private long firstTokenNs;
  private long lastTokenNs;
  private long progressNs;
  private int reportedReady;
  private volatile boolean cancelled;

  DecodeSession(DecodeRequest request, int vocabSize, long nowNs) {
    this.request = request;
    this.sampler = new Sampler(request.sampling(), vocabSize);
    this.submittedNs = nowNs;
    this.tokens = new int[request.prompt().length + request.maxTokens()];
    this.length = request.prompt().length;
    System.arraycopy(request.prompt(), 0, tokens, 0, length);
    for (int i = 0; i < length; i++) {
      sampler.accept(tokens[i]);
    }
  }

  /**
   * Asks the session to end; {@link TokenListener#onEnd} follows. Any thread; more than once is
   * fine.
   */
  public void cancel() {
    cancelled = true;
  }

  /** Token slots the session needs. */
  int slots() {
    return tokens.length;
  }

  /** Takes the blocks and, when the plan says so, sends the order. */
  void admit(KvSequence blocks, ModelBackend model, long nowNs) {
    sequence = blocks;
    admittedNs = nowNs;
    RemotePrefill plan = request.remote();
    if (plan == null) {
      return;
    }
    try {
      RemoteState state = new RemoteState(plan, request.prompt(), blocks, model);
      remote = state;
      awaitsKv = true;
      patience = plan.patient() ? null : new Patience(nowNs, state.receiver().orderedBytes());
    } catch (StreamException e) {
      fallback = e.getMessage();
    }
  }

  boolean isOver() {
    return end != null;
  }

  /** Tokens that could go through all layers now, here. */
  int pending() {
    return !awaitsKv && end == null ? length - ready : 0;
  }

  void checkCancelled() {
    if (cancelled && end == null) {
      end = DecodeOutcome.End.CANCELLED;
    }
  }

  /**
   * Goes on with what has come from the prefill node: layers [b, L) of the next chunk, the first
   * token, the step behind it, the hand-over to plain decoding, or the fall-back.
   *
   * @return work done, 0 when nothing new had come
   */
  int advanceRemote(Workbench bench) {
    RemoteState r = remote;
    if (r == null || end != null) {
      return 0;
    }
    KvReceiver.State state = r.receiver().state();
    int work = 0;
    if (awaitsKv) {
      work += r.runArrivedChunk(bench);
      work += beginAnswer(r, bench);
    }
    if (end != null) {
      return work;
    }
    if (awaitsKv && state == KvReceiver.State.FAILED) {
      fallBack(r, String.valueOf(r.receiver().failure()));
      work++;
    } else if (!awaitsKv && (state == KvReceiver.State.WHOLE || state == KvReceiver.State.FAILED)) {
      endRemote(); // the report is complete, or will never be
      work++;
    }
    return work;
  }

  /** The first token, then the step behind it as far as the layers' KV is whole. */
  private int beginAnswer(RemoteState r, Workbench bench) {
    int work = 0;
    if (firstTokenNs == 0) {
      if (!r.takeLastRow(bench.forward())) {
        return 0;
      }
      sampleRowZero(bench);
      work++;
    }
    if (end == null && !r.isInStep() && r.isKvWhole()) {
      ready = request.prompt().length;
      noteRemoteRows();
      awaitsKv = false; // nothing to run ahead of: the next step is an ordinary one
      return work;
    }
    if (end == null) {
      int layers = r.runStep(tokens, bench);
      if (layers > 0) {
        noteRemoteRows();
      }
      work += layers;
      if (r.isStepDone()) {
        ready = length;
        awaitsKv = false;
        sampleRowZero(bench);
      }
    }
    return work;
  }

  private void sampleRowZero(Workbench bench) {
    bench.forward().logits(0, 1, bench.logits());
    sample(bench.logits(), 0, bench.nowNs());
  }

  /** True when it is time to ask whether the prefill node is still worth waiting for. */
  boolean isLookDue(long nowNs) {
    Patience p = patience;
    return p != null && awaitsKv && end == null && p.isLookDue(nowNs);
  }

  /**
   * Finishes the prefill here when that is clearly faster than to wait.
   *
   * @param queuedTokens what this node has to do for others already
   */
  void reconsiderRemote(Workbench bench, int queuedTokens) {
    RemoteState r = Objects.requireNonNull(remote);
    Patience p = Objects.requireNonNull(patience);
    long restNs = p.look(bench.nowNs(), r.receiver().receivedBytes());
    long hereNs = Long.MAX_VALUE;
    // While this node's own part lags behind, there is nobody to wait for.
    if (restNs > Patience.LEAST_GAIN_NS && !r.isBehind()) {
      int tokensHere = queuedTokens + length - r.usableTokens();
      hereNs = bench.prefillNs(tokensHere, request.prompt(), queuedTokens == 0);
    }
    if (p.isOver(hereNs)) {
      fallBack(r, p.reason(bench.nowNs(), hereNs));
    }
  }

  /** Goes on here, behind the last token whose KV stands in every layer. */
  private void fallBack(RemoteState r, String why) {
    fallback = why;
    ready = Math.min(r.usableTokens(), length - 1);
    if (ready > 0) {
      noteRemoteRows();
    }
    endRemote();
  }

  /** What follows is computed from KV that came over the wire. */
  private void noteRemoteRows() {
    RemotePrefill plan = request.remote();
    lossy |= plan != null && plan.wireType() != KvWireType.F16;
  }

  private void endRemote() {
    RemoteState r = remote;
    if (r != null) {
      r.receiver().close();
      transfer = r.receiver().report();
      sharedPrefillNs = r.computedNs();
      TransferTrace trace = r.receiver().trace();
      if (trace != null) {
        arrivals = trace.arrivals();
        spans = r.spans();
      }
      remote = null;
      awaitsKv = false;
    }
  }

  /** Adds up to {@code budget} pending tokens to the batch. */
  int addTo(TokenBatch batch, int budget) {
    int count = Math.min(pending(), budget);
    int wanted = ready + count == length ? 1 : 0;
    batch.add(Objects.requireNonNull(sequence), tokens, ready, count, ready, wanted);
    return count;
  }

  /**
   * {@code count} pending tokens have gone through all layers.
   *
   * @return true when the last of them gives the next token, so its logits are wanted
   */
  boolean advanced(int count) {
    ready += count;
    return ready == length;
  }

  /** Chooses the next token from the logits of the last known one. */
  void sample(MemorySegment logits, long row, long nowNs) {
    request.listener().onLogits(logits, row);
    int token;
    try {
      token = sampler.next(logits, row);
    } catch (IllegalStateException e) {
      fail(String.valueOf(e.getMessage()));
      return;
    }
    if (firstTokenNs == 0) {
      firstTokenNs = nowNs;
      if (prefilledNs == 0) {
        prefilledNs = nowNs;
      }
    }
    lastTokenNs = nowNs;
    if (request.endOfGeneration().test(token)) {
      end = DecodeOutcome.End.END_OF_GENERATION;
      return;
    }
    tokens[length++] = token;
    output++;
    sampler.accept(token);
    request.listener().onToken(token);
    if (output == request.maxTokens()) {
      end = DecodeOutcome.End.LENGTH;
    }
  }

  void fail(String reason) {
    if (end == null) {
      end = DecodeOutcome.End.FAILED;
      failure = reason;
    }
  }

  /** Tells the listener how far the prompt is, now and then. */
  void reportPrefill(long nowNs) {
    if (firstTokenNs != 0 || nowNs - progressNs < PROGRESS_INTERVAL_NS) {
      return;
    }
    progressNs = nowNs;
    int done = awaitsKv && remote != null ? remote.usableTokens() : ready;
    if (done > reportedReady) {
      reportedReady = done;
      request
          .listener()
          .onPrefill(Math.min(done, request.prompt().length), request.prompt().length);
    }
  }

  /** Frees what the session holds and tells the listener. */
  void finish() {
    endRemote();
    if (sequence != null) {
      sequence.close();
      sequence = null;
    }
    long prefillNs = prefilledNs == 0 ? 0 : prefilledNs - admittedNs;
    request
        .listener()
        .onEnd(
            new DecodeOutcome(
                end == null ? DecodeOutcome.End.CANCELLED : end,
                failure,
                request.prompt().length,
                output,
                prefillNs,
                sharedPrefillNs,
                firstTokenNs == 0 ? 0 : firstTokenNs - submittedNs,
                lastTokenNs - firstTokenNs,
                transfer,
                lossy,
                fallback,
                new RequestTimeline(
                    submittedNs, admittedNs, firstTokenNs, lastTokenNs, spans, arrivals)));
  }
}
