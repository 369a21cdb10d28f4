package dev.baton.decode;

import dev.baton.kernel.KvWireType;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.ChunkWork;
import dev.baton.schedule.Priority;
import dev.baton.schedule.StepBudget;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * One request of the {@link DecodeQueue}. What it is about fits in two numbers: {@code length}
 * tokens are known (the prompt and the answer so far), and the first {@code ready} of them have
 * their KV in every layer. Running the tokens between the two gives the next one; whether that is a
 * prefill chunk or a decode step is only a matter of how many there are. While the session awaits
 * KV from a prefill node, {@link RemoteState} moves {@code ready} instead: the first token is
 * chosen as soon as the prompt's last row is there, the step behind it runs layer by layer as they
 * become whole, and from then on the session decodes like any other. A session that is preempted is
 * as one whose prompt is all its tokens so far, none of them ready.
 *
 * <p>{@link #cancel} may be called from any thread; all else belongs to the compute thread.
 */
public final class DecodeSession implements ChunkWork {
  private static final long PROGRESS_INTERVAL_NS = 50_000_000;
  private static final int NO_TOKEN = -1;
  private static final String ALL_ANEW = "all of the prompt is computed again here";
  private static final System.Logger LOG = System.getLogger("dev.baton.decode");

  /** How often the outcome is tried to be made where the heap is full for the moment. */
  private static final int ATTEMPTS = 50;

  private static final long ATTEMPTS_APART_NS = 10_000_000;

  private final DecodeRequest request;
  private final Sampler sampler;
  private final long submittedNs;
  private final int[] tokens;
  private int length;
  private int ready;
  private int output;
  private int chosen = NO_TOKEN;
  private final PrefixReuse prefix;
  private @Nullable KvSequence sequence;
  private @Nullable RemoteState remote;
  private @Nullable StragglerTimeout straggler;
  private boolean awaitsKv;
  private DecodeOutcome.@Nullable End ending;
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
  private long gapNs;
  private long longestGapNs;
  private int offered;
  private int granted;
  private boolean within;
  private boolean inPass;
  private long progressNs;
  private int reportedReady;
  private final Runnable onCancel;
  private long arrival;
  private volatile boolean cancelled;
  private final AtomicBoolean finished = new AtomicBoolean();

  /** Made before, since there may be no memory when it is needed. */
  private final DecodeOutcome lastWords;

  /**
   * @param onCancel told when it is to end, by whoever says so
   */
  DecodeSession(DecodeRequest request, int vocabSize, long nowNs, Runnable onCancel) {
    this.request = request;
    this.onCancel = onCancel;
    this.sampler = new Sampler(request.sampling(), vocabSize);
    this.submittedNs = nowNs;
    this.tokens = new int[request.prompt().length + request.maxTokens()];
    this.length = request.prompt().length;
    System.arraycopy(request.prompt(), 0, tokens, 0, length);
    this.prefix = PrefixReuse.of(request.chain());
    this.lastWords = outcome(DecodeOutcome.End.FAILED, "the engine ran out of memory");
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
    onCancel.run();
  }

  boolean isCancelled() {
    return cancelled;
  }

  /** Which one it was of all requests. */
  void arrivedAs(long number) {
    arrival = number;
  }

  long arrival() {
    return arrival;
  }

  @Override
  public Priority priority() {
    return request.priority();
  }

  /** The prompt, as far as it is to be computed here, as tokens that go through all layers. */
  int tokensHere(int layers) {
    RemotePrefill from = request.remote();
    int boundary = from == null ? 0 : from.boundaryLayer();
    return (int) ((long) request.prompt().length * (layers - boundary) / layers);
  }

  /** The priority that it waits with. */
  Priority classAt(long nowNs) {
    return nowNs - submittedNs > DecodeQueue.AGED_NS ? Priority.INTERACTIVE : priority();
  }

  /**
   * Takes blocks for all tokens that are known and the one behind them: as far as they are there,
   * those of their beginning.
   *
   * @param spare blocks that must be free beside these
   * @return false when there are too few; then it has none
   */
  boolean takeBlocks(KvPool pool, ModelBackend model, int spare) {
    int slots = Math.min(length + 1, tokens.length);
    sequence = prefix.begin(pool, model, slots, tokens.length, spare);
    if (sequence != null) {
      ready = prefix.begunAt();
    }
    return sequence != null;
  }

  /**
   * Has slots for what it runs in this step.
   *
   * @return false when there are too few blocks
   */
  boolean growForStep() {
    int rows = pending() == 1 ? 1 : Math.min(granted, pending());
    KvSequence blocks = sequence;
    return rows == 0
        || blocks == null
        || (blocks.grow(ready + rows) && blocks.writable(ready, ready + rows));
  }

  /**
   * Gives its blocks back, to be admitted again later: what was computed is computed again then, as
   * far as it is not found.
   */
  void preempt() {
    if (awaitsKv) {
      fallback = "its KV blocks were needed by others";
    }
    try {
      endRemote();
      keepAnswer();
    } finally {
      KvSequence blocks = sequence;
      sequence = null;
      ready = 0;
      granted = 0;
      prefix.beginsAnew(tokens, length);
      if (blocks != null) {
        blocks.close();
      }
    }
  }

  /** Sends the order, when the plan says so and it is the first time. */
  void admit(ModelBackend model, long nowNs) {
    KvSequence blocks = sequence;
    RemotePrefill plan = request.remote();
    boolean again = admittedNs != 0;
    admittedNs = again ? admittedNs : nowNs;
    if (plan == null || blocks == null || again) {
      return;
    }
    try {
      RemotePrefill from = request.chain() == null ? plan : plan.reusing(ready);
      RemoteState state = new RemoteState(from, request.prompt(), blocks, model);
      remote = state;
      awaitsKv = true;
      straggler = StragglerTimeout.of(plan, nowNs, state.receiver().orderedBytes());
    } catch (StreamException e) {
      fallback = e.getMessage();
    }
  }

  boolean isOver() {
    return end != null;
  }

  /** Tokens that could go through all layers now, here. */
  int pending() {
    return !awaitsKv && end == null && sequence != null ? length - ready : 0;
  }

  /** Whether tokens of its prompt have still to go through layers here. */
  boolean isInPrefill() {
    return end == null && (awaitsKv || pending() > 1);
  }

  @Override
  public boolean isThrough() {
    return !isInPrefill();
  }

  @Override
  public void offer() {
    RemoteState r = remote;
    granted = 0;
    within = false;
    offered = 0;
    if (isInPrefill()) {
      offered = awaitsKv && r != null ? r.arrivedTokens() : pending();
    }
  }

  @Override
  public boolean isReady() {
    return offered > 0 && granted == 0;
  }

  /** Tokens of the prompt, where only some of the layers are left of them that much less. */
  @Override
  public long remaining() {
    RemoteState r = remote;
    return awaitsKv && r != null ? r.remaining() : pending();
  }

  @Override
  public boolean take(StepBudget budget) {
    RemoteState r = remote;
    granted =
        awaitsKv && r != null
            ? budget.takeShare(offered, r.upperTokens(), r.upperShare())
            : budget.take(offered, ready);
    return granted > 0;
  }

  @Override
  public void takeWithin(StepBudget budget) {
    if (isLittle()) {
      granted = budget.takeWhole(pending(), ready);
      within = granted > 0;
    }
  }

  /** Whether what was granted is for a step within a pass that pauses. */
  boolean isWithin() {
    return within;
  }

  /** Whether a pass is under way that it is in, or that is for it alone. */
  boolean isInPass() {
    return inPass;
  }

  void inPass(boolean isIn) {
    inPass = isIn;
    within &= isIn;
  }

  /** Whether one row gives its next token, and no pass is under way with it. */
  boolean isRow() {
    return !inPass && pending() == 1;
  }

  /** Whether so little of its prompt is left that a pass may pause for it. */
  boolean isLittle() {
    return !inPass
        && granted == 0
        && pending() > 1
        && pending() <= StepBudget.MOST_WITHIN_TOKENS
        && firstTokenNs == 0;
  }

  /** Whether its first token needs little, so that it is worth a pause. */
  boolean isFirstTokenNear() {
    RemoteState r = remote;
    if (firstTokenNs != 0 || inPass || end != null) {
      return false;
    }
    return awaitsKv ? r != null && r.isLastRowHere() : isRow() || isLittle();
  }

  /** When its last token came. */
  long lastTokenNs() {
    return lastTokenNs;
  }

  /** Tokens of its prompt that may go through layers in this step. */
  int granted() {
    return granted;
  }

  /** First of the tokens that are pending. */
  int ready() {
    return ready;
  }

  /** How long ago its last token is; 0 before the first. */
  long waitedNs(long nowNs) {
    return firstTokenNs == 0 ? 0 : nowNs - lastTokenNs;
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
   * @param mostTokens what there is time for of the prompt
   * @return work done, 0 when nothing new had come
   */
  int advanceRemote(DecodeCompute compute, int mostTokens) {
    RemoteState r = remote;
    if (r == null || end != null) {
      return 0;
    }
    KvReceiver.State state = r.receiver().state();
    int work = 0;
    if (awaitsKv) {
      work += r.runArrivedChunk(compute, mostTokens);
      work += end == null ? beginAnswer(r, compute) : 0; // it may have been cancelled meanwhile
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
  private int beginAnswer(RemoteState r, DecodeCompute compute) {
    int work = 0;
    if (firstTokenNs == 0) {
      if (!r.takeLastRow(compute.runner().forward())) {
        return 0;
      }
      sampleRowZero(compute);
      work++;
    }
    if (end == null && !r.isInStep() && r.isKvWhole()) {
      ready = request.prompt().length;
      prefix.keepPrompt(sequence, ready);
      noteRemoteRows();
      awaitsKv = false; // nothing to run ahead of: the next step is an ordinary one
      return work;
    }
    if (end == null) {
      int layers = r.runStep(tokens, compute);
      if (layers > 0) {
        noteRemoteRows();
      }
      work += layers;
      if (r.isStepDone()) {
        ready = length;
        awaitsKv = false;
        prefix.keepPrompt(sequence, ready);
        sampleRowZero(compute);
      }
    }
    return work;
  }

  private void sampleRowZero(DecodeCompute compute) {
    compute.computeLogits(1);
    choose(compute, 0, compute.runner().nowNs());
    compute.stalls().record(gapNs());
    tell(compute.shownLogits(), 0);
  }

  /** True when it is time to ask whether the prefill node is still worth waiting for. */
  boolean isLookDue(long nowNs) {
    StragglerTimeout p = straggler;
    return p != null && awaitsKv && end == null && p.isLookDue(nowNs);
  }

  /**
   * Finishes the prefill here when that is clearly faster than to wait.
   *
   * @param queuedTokens what this node has to do for others already
   */
  void reconsiderRemote(DecodeCompute compute, long nowNs, int queuedTokens) {
    RemoteState r = Objects.requireNonNull(remote);
    StragglerTimeout p = Objects.requireNonNull(straggler);
    p.look(nowNs, r.receiver().receivedBytes());
    if (r.isBehind()) {
      p.stays(); // while this node's own part lags behind, there is nobody to wait for
      return;
    }
    long hereNs = Long.MAX_VALUE;
    if (p.compares()) {
      int tokensHere = queuedTokens + length - r.usableTokens();
      hereNs = hereNs(compute, tokensHere, queuedTokens == 0);
    }
    if (p.isOver(hereNs)) {
      boolean nothing = r.usableTokens() <= prefix.cachedTokens();
      fallBack(r, p.reason(nowNs, hereNs) + (nothing ? "; " + ALL_ANEW : ""));
      if (p.timesSlower() > 0) {
        request.listener().onStraggler(p.timesSlower());
      }
    }
  }

  /** What so many tokens take here: as predicted of the prompt, or as measured of late. */
  private long hereNs(DecodeCompute compute, int tokens, boolean mayTry) {
    RemotePrefill plan = request.remote();
    PrefillForecast forecast = plan == null ? null : plan.forecast();
    int ordered = request.prompt().length - prefix.cachedTokens();
    return forecast == null || ordered == 0
        ? compute.prefillNs(tokens, request.prompt(), mayTry)
        : Math.round((double) forecast.hereNs() / ordered * tokens);
  }

  /** Goes on here, behind the last token whose KV stands in every layer. */
  private void fallBack(RemoteState r, String why) {
    fallback = why;
    granted = 0; // that was of what had come
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
      remote = null;
      awaitsKv = false;
      try {
        r.receiver().close();
      } finally {
        keepReport(r);
      }
    }
  }

  private void keepReport(RemoteState r) {
    transfer = r.receiver().report();
    sharedPrefillNs = r.computedNs();
    TransferTrace trace = r.receiver().trace();
    if (trace != null) {
      arrivals = trace.arrivals();
      spans = r.spans();
    }
  }

  /** Leaves a pass that is under way. */
  void leave(BatchRunner pass) {
    KvSequence blocks = sequence;
    if (blocks != null) {
      pass.drop(blocks);
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
    prefix.keepPrompt(sequence, ready);
    return ready == length;
  }

  /** Chooses the next token from the logits of the last known one; {@link #tell} follows. */
  void choose(DecodeCompute compute, long row, long nowNs) {
    chosen = NO_TOKEN;
    ending = null;
    int token;
    boolean isLast;
    try {
      token = sampler.next(compute.logits(), compute.maxima(), row);
      isLast = request.endOfGeneration().test(token);
    } catch (IllegalStateException e) {
      fail(String.valueOf(e.getMessage()));
      return;
    } catch (Exception e) {
      fail("its next token could not be chosen: " + e);
      return;
    }
    gapNs = waitedNs(nowNs);
    longestGapNs = Math.max(longestGapNs, gapNs);
    if (firstTokenNs == 0) {
      firstTokenNs = nowNs;
      if (prefilledNs == 0) {
        prefilledNs = nowNs;
      }
    }
    lastTokenNs = nowNs;
    if (isLast) {
      ending = DecodeOutcome.End.END_OF_GENERATION;
      return;
    }
    chosen = token;
    tokens[length++] = token;
    sampler.accept(token);
    if (isStop(token)) {
      ending = DecodeOutcome.End.STOP;
    } else if (output + 1 == request.maxTokens()) {
      ending = DecodeOutcome.End.LENGTH;
    }
  }

  /** How long after the one before the last token came; 0 where it is the first. */
  long gapNs() {
    return gapNs;
  }

  private boolean isStop(int token) {
    IntPredicate stop = request.stop();
    try {
      return stop != null && stop.test(token);
    } catch (Exception e) {
      fail("its stop texts could not be looked for: " + e);
      return false;
    }
  }

  /** Tells the listener what was chosen last, and from what. */
  void tell(MemorySegment logits, long row) {
    try {
      request.listener().onLogits(logits, row);
      if (chosen != NO_TOKEN) {
        output++;
        request.listener().onToken(chosen);
      }
      if (end == null) {
        end = ending; // not before it has been told: all may end between the two
      }
    } catch (Exception e) {
      end = DecodeOutcome.End.FAILED; // though it may have come to its end
      failure = "its listener failed: " + e;
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

  /**
   * Frees what the session holds and tells the listener, once.
   *
   * @param waits false where the stream's thread may never come back, and is not waited for
   */
  void finish(boolean waits) {
    try {
      release(waits);
    } catch (Exception e) {
      fail("its prefill could not be ended: " + e);
    } finally {
      // Only here, so that another thread can tell of the end where this one waits for ever.
      if (finished.compareAndSet(false, true)) {
        DecodeOutcome outcome = lastWords;
        try {
          outcome = outcomeOrLastWords();
        } finally {
          tellEnd(outcome);
        }
      }
    }
  }

  private void tellEnd(DecodeOutcome outcome) {
    try {
      request.listener().onEnd(outcome);
    } catch (Exception e) {
      LOG.log(System.Logger.Level.WARNING, "a listener failed at the end of its answer: " + e);
    }
  }

  private void release(boolean waits) {
    RemoteState r = remote;
    try {
      if (!waits && r != null) {
        remote = null;
        keepReport(r);
        Thread.ofPlatform().daemon().name("baton-receiver-close").start(r.receiver()::close);
      } else {
        endRemote();
        keepAnswer();
      }
    } finally {
      KvSequence blocks = sequence;
      sequence = null;
      if (blocks != null) {
        blocks.close();
      }
    }
  }

  /** Leaves the blocks of prompt and answer behind, for a prompt that goes on from them. */
  private void keepAnswer() {
    if (sequence != null && firstTokenNs != 0 && end != DecodeOutcome.End.FAILED) {
      prefix.keepAnswer(sequence, tokens, ready);
    }
  }

  private DecodeOutcome outcomeOrLastWords() {
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        return outcome(end == null ? DecodeOutcome.End.CANCELLED : end, failure);
      } catch (OutOfMemoryError _) {
        LockSupport.parkNanos(ATTEMPTS_APART_NS);
      }
    }
    return lastWords;
  }

  private DecodeOutcome outcome(DecodeOutcome.End why, @Nullable String reason) {
    long prefillNs = prefilledNs == 0 ? 0 : prefilledNs - admittedNs;
    return new DecodeOutcome(
        why,
        reason,
        new DecodeOutcome.Tokens(request.prompt().length, prefix.cachedTokens(), output),
        new DecodeOutcome.Times(
            prefillNs,
            sharedPrefillNs,
            firstTokenNs == 0 ? 0 : firstTokenNs - submittedNs,
            lastTokenNs - firstTokenNs,
            longestGapNs),
        transfer,
        lossy,
        fallback,
        new RequestTimeline(submittedNs, admittedNs, firstTokenNs, lastTokenNs, spans, arrivals));
  }
}
