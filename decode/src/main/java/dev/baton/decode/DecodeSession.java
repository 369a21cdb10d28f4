package dev.baton.decode;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.TransferReport;
import dev.baton.model.ForwardPass;
import dev.baton.model.KvSequence;
import dev.baton.model.LlamaModel;
import dev.baton.model.TokenBatch;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One request in the decode loop. What it is about fits in two numbers: {@code length} tokens are
 * known (the prompt and the answer so far), and the first {@code ready} of them have their KV in
 * every layer. Running the tokens between the two gives the next one; whether that is a prefill
 * chunk or a decode step is only a matter of how many there are. While a prefill node works for the
 * session, {@link RemoteState} moves {@code ready} instead.
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
  private DecodeOutcome.@Nullable End end;
  private @Nullable String failure;
  private @Nullable String fallback;
  private @Nullable TransferReport transfer;
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
  void admit(KvSequence blocks, LlamaModel model, long nowNs) {
    sequence = blocks;
    admittedNs = nowNs;
    RemotePrefill plan = request.remote();
    if (plan == null) {
      return;
    }
    try {
      remote = new RemoteState(plan, request.prompt(), blocks, model);
    } catch (StreamException e) {
      fallback = e.getMessage();
    }
  }

  boolean isOver() {
    return end != null;
  }

  /** Tokens that could go through all layers now, here. */
  int pending() {
    return remote == null && end == null ? length - ready : 0;
  }

  void checkCancelled() {
    if (cancelled && end == null) {
      end = DecodeOutcome.End.CANCELLED;
    }
  }

  /**
   * Goes on with what has come from the prefill node: layers [b, L) of the next chunk, the first
   * token, the hand-over to plain decoding, or the fall-back.
   *
   * @return work done, 0 when nothing new had come
   */
  int advanceRemote(ForwardPass forward, TokenBatch batch, MemorySegment logits, long nowNs) {
    RemoteState r = remote;
    if (r == null || end != null) {
      return 0;
    }
    int work = r.runArrivedChunk(forward, batch);
    if (firstTokenNs == 0 && r.takeLastRow(forward)) {
      forward.logits(r.lastRow(), 1, logits);
      prefilledNs = nowNs;
      sample(logits, 0, nowNs);
      work++;
    }
    KvReceiver.State state = r.receiver().state();
    if (state == KvReceiver.State.WHOLE && firstTokenNs != 0) {
      ready = request.prompt().length;
      endRemote();
      work++;
    } else if (state == KvReceiver.State.FAILED) {
      fallback = r.receiver().failure();
      int usable = r.usableTokens();
      endRemote();
      ready = Math.min(usable, length - 1);
      work++;
    }
    return work;
  }

  private void endRemote() {
    RemoteState r = remote;
    if (r != null) {
      r.receiver().close();
      transfer = r.receiver().report();
      remote = null;
    }
  }

  /** Adds up to {@code budget} pending tokens to the batch. */
  int addTo(TokenBatch batch, int budget) {
    int count = Math.min(pending(), budget);
    batch.add(java.util.Objects.requireNonNull(sequence), tokens, ready, count, ready);
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
    int done = remote == null ? ready : remote.usableTokens();
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
                firstTokenNs == 0 ? 0 : firstTokenNs - submittedNs,
                lastTokenNs - firstTokenNs,
                transfer,
                fallback));
  }
}
