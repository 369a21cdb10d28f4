package dev.baton.decode;

import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.StallHistogram;
import dev.baton.schedule.StepBudget;
import dev.baton.thread.ThreadEnd;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The decode side of a node: one thread that takes requests in order of arrival, reserves their
 * blocks, goes on with what prefill nodes send, and runs all sessions as one continuous batch, a
 * decode step for each and chunks of the prompts whose turn it is, as many tokens as the stall
 * bound has time for ({@link StepBudget}). A prefill node that has become slower than this one is
 * left, and its session finished here.
 *
 * <p>An exception ends the session that caused it, with the reason; that of a pass over several
 * sessions ends those. An {@link Error} ends all sessions and closes the loop: {@link #submit} then
 * says why. Listeners are called between passes.
 *
 * <p>{@link #submit} may be called from any thread. In the steady state the thread allocates
 * nothing.
 */
public final class DecodeLoop implements AutoCloseable {
  private static final long SHORTEST_POLL_NS = 50_000;
  private static final long LONGEST_POLL_NS = 400_000;

  /** A layer of a pass is usually far shorter; who waits for longer is left behind. */
  private static final Duration CLOSE_LIMIT = Duration.ofMillis(750);

  /**
   * What is caught here when the heap is full, looked up before: a handler whose class has to be
   * looked up then is passed over. Each class looks up its own, so others' lists do not help.
   */
  static final List<Class<?>> CAUGHT =
      List.of(
          Throwable.class,
          Error.class,
          Exception.class,
          RuntimeException.class,
          OutOfMemoryError.class);

  private static final int CLOSE_ATTEMPTS = 50;
  private static final long CLOSE_ATTEMPTS_APART_NS = 10_000_000;
  private static final String CLOSED = "the engine was closed";
  private static final String FAILED = "the engine failed and is closed: ";

  /** No constant of the language: those are made when they are first used, which takes memory. */
  private static final String OUT_OF_MEMORY =
      String.valueOf("the engine failed and is closed: out of memory; give the JVM more (-Xmx)");

  private static final System.Logger LOG = System.getLogger("dev.baton.decode");

  private final ModelBackend model;
  private final KvPool cache;
  private final LongSupplier nanoClock;
  private final int maxSessions;
  private final Workbench bench;
  private final PromptTurns prompts;
  private final DecodeSession[] inBatch;
  private final int[] rowsInBatch;
  private int batched;
  private final Thread thread;

  private final Object lock = new Object();
  private final Deque<DecodeSession> waiting = new ArrayDeque<>(); // guarded by lock

  /** Changed under the lock; the decode thread, which alone adds to it, reads it without. */
  private final List<DecodeSession> active = new ArrayList<>();

  private @Nullable String closedFor; // why nothing is taken any more; guarded by lock

  /** With the usual stall bound. */
  public DecodeLoop(
      ModelBackend model, KvPool cache, int maxSessions, int chunkTokens, LongSupplier nanoClock) {
    this(model, cache, maxSessions, chunkTokens, 0, nanoClock);
  }

  /**
   * @param model shared; the caller closes it after this
   * @param cache shared; the caller closes it after this
   * @param maxSessions sessions decoded at once; more wait
   * @param chunkTokens prompt tokens that go through the layers together, at most
   * @param maxStallNs longest gap between two tokens of an answer that prompts may cause; 0 for the
   *     default of {@link StepBudget}
   * @param nanoClock the clock of all durations
   */
  public DecodeLoop(
      ModelBackend model,
      KvPool cache,
      int maxSessions,
      int chunkTokens,
      long maxStallNs,
      LongSupplier nanoClock) {
    if (maxSessions < 1 || chunkTokens < 1) {
      throw new IllegalArgumentException(
          "a decode loop needs room for a session and a chunk, got "
              + maxSessions
              + " and "
              + chunkTokens);
    }
    this.model = model;
    this.cache = cache;
    this.nanoClock = nanoClock;
    this.maxSessions = maxSessions;
    StepBudget budget = new StepBudget(chunkTokens, maxStallNs);
    this.prompts = new PromptTurns(budget);
    this.bench =
        new Workbench(model, cache, maxSessions + chunkTokens, maxSessions, budget, nanoClock);
    this.inBatch = new DecodeSession[maxSessions];
    this.rowsInBatch = new int[maxSessions];
    this.thread = Thread.ofPlatform().daemon().name("baton-decode").unstarted(this::work);
    this.thread.start();
  }

  /**
   * Queues a request.
   *
   * @throws IllegalArgumentException when it could never fit: prompt and answer are longer than the
   *     context or the whole cache
   * @throws IllegalStateException when the loop is closed, or has failed; says why
   */
  public DecodeSession submit(DecodeRequest request) {
    int slots = Math.addExact(request.prompt().length, request.maxTokens());
    if (slots > model.shape().context()) {
      throw new IllegalArgumentException(
          request.prompt().length
              + " prompt tokens and "
              + request.maxTokens()
              + " more do not fit the model's context of "
              + model.shape().context());
    }
    if (KvPool.blocksFor(slots) > cache.totalBlocks()) {
      throw new IllegalArgumentException(
          slots
              + " tokens do not fit the KV cache of "
              + (long) cache.totalBlocks() * KvGeometry.BLOCK_TOKENS
              + ": shorten the prompt or the answer");
    }
    DecodeSession session =
        new DecodeSession(request, model.shape().vocab(), nanoClock.getAsLong());
    synchronized (lock) {
      String reason = closedFor;
      if (reason != null) {
        throw new IllegalStateException(reason.equals(CLOSED) ? "the engine is closed" : reason);
      }
      waiting.add(session);
    }
    LockSupport.unpark(thread);
    return session;
  }

  /** Tokens of a prompt's beginning whose KV is here. Any thread. */
  public int cachedTokens(int[] prompt) {
    return PrefixReuse.of(prompt).cachedTokens(cache, model);
  }

  private void work() {
    String reason = CLOSED;
    try {
      runUntilClosed();
    } catch (Throwable e) { // nobody is left to hear of it but those who wait
      reason = fatal(e);
    }
    refuseFromNowOn(reason);
    endAll(reason);
    closeBench();
  }

  private void closeBench() {
    for (int i = 0; i < CLOSE_ATTEMPTS; i++) {
      try {
        bench.close();
        return;
      } catch (OutOfMemoryError _) {
        LockSupport.parkNanos(CLOSE_ATTEMPTS_APART_NS);
      }
    }
  }

  private void runUntilClosed() {
    long pollNs = SHORTEST_POLL_NS;
    while (true) {
      boolean nobodyWaits;
      synchronized (lock) {
        if (closedFor != null) {
          return;
        }
        nobodyWaits = waiting.isEmpty();
      }
      if (step() > 0) {
        pollNs = SHORTEST_POLL_NS;
      } else if (nobodyWaits && active.isEmpty()) {
        LockSupport.park(this);
      } else {
        LockSupport.parkNanos(this, pollNs);
        pollNs = Math.min(2 * pollNs, LONGEST_POLL_NS);
      }
      boolean _ = Thread.interrupted(); // a listener's doing; parking would end at once for ever
    }
  }

  private int step() {
    int work = admitWaiting();
    prompts.allot(active, nanoClock.getAsLong());
    for (int i = 0; i < active.size() && !bench.isStopped(); i++) {
      work += advance(active.get(i));
    }
    work += runBatch();
    for (int i = active.size() - 1; i >= 0 && !bench.isStopped(); i--) {
      DecodeSession session = active.get(i);
      if (session.isOver()) {
        session.finish(true); // where that fails, it is still there to be ended with all others
        synchronized (lock) {
          active.remove(session);
        }
        work++;
      }
    }
    return work;
  }

  /** Goes on with what concerns one session alone. */
  private int advance(DecodeSession session) {
    int work = 0;
    try {
      session.checkCancelled();
      work += session.advanceRemote(bench);
      if (session.isLookDue(nanoClock.getAsLong())) {
        session.reconsiderRemote(bench, pendingTokens());
      }
      session.reportPrefill(nanoClock.getAsLong());
    } catch (Exception e) {
      session.fail("its prefill could not go on: " + told(e));
      work++;
    }
    return work;
  }

  private int admitWaiting() {
    int admitted = 0;
    while (active.size() < maxSessions) {
      DecodeSession session;
      boolean hasRoom = false;
      synchronized (lock) {
        session = waiting.peek();
        if (session == null || closedFor != null) {
          break;
        }
        session.checkCancelled();
        try {
          hasRoom = session.takeBlocks(cache, model);
        } catch (Exception e) {
          session.fail("its KV blocks could not be had: " + told(e));
        }
        if (!hasRoom && !session.isOver()) {
          break; // the first in line waits for room; nobody overtakes it
        }
        active.add(session);
        waiting.remove();
      }
      try {
        session.admit(model, nanoClock.getAsLong());
      } catch (Exception e) {
        session.fail("its prefill could not be ordered: " + told(e));
      }
      admitted++;
    }
    return admitted;
  }

  /** Tokens that could go through all layers now, of all sessions. */
  private int pendingTokens() {
    int tokens = 0;
    for (int i = 0; i < active.size(); i++) {
      tokens += active.get(i).pending();
    }
    return tokens;
  }

  /**
   * One pass over all decode rows, and behind them what was allotted to prompts. Where it fails,
   * that says nothing about whose fault it was: nobody in it gets a half-computed answer.
   */
  private int runBatch() {
    TokenBatch batch = bench.batch().clear();
    int rows = 0;
    try {
      int chunk = fill(batch);
      rows = batch.rows();
      if (rows > 0) {
        long startNs = nanoClock.getAsLong();
        bench.forward().embed(batch);
        if (bench.layers(batch, 0, model.shape().layers())) {
          bench.ranChunk(chunk, model.shape().layers(), startNs);
          int depth = chunkDepth(chunk);
          long sampledNs = sampleBatch();
          bench.budget().ran(rows - chunk, chunk, depth, sampledNs - startNs);
        }
      }
    } catch (Exception e) {
      for (int i = 0; i < batched; i++) {
        inBatch[i].fail("the forward pass failed: " + told(e));
      }
      rows++;
    }
    batch.clear();
    Arrays.fill(inBatch, 0, batched, null);
    batched = 0;
    return rows;
  }

  /** Returns how many of the rows are prompts'. */
  private int fill(TokenBatch batch) {
    for (int i = 0; i < active.size(); i++) {
      if (active.get(i).pending() == 1) {
        add(active.get(i), batch, 1);
      }
    }
    int chunk = 0;
    for (int i = 0; i < active.size(); i++) {
      if (active.get(i).pending() > 1 && active.get(i).granted() > 0) {
        chunk += add(active.get(i), batch, active.get(i).granted());
      }
    }
    return chunk;
  }

  /** Where the prompts' tokens in the batch stand, in the middle. */
  private int chunkDepth(int chunk) {
    long sum = 0;
    for (int i = 0; i < batched && chunk > 0; i++) {
      if (rowsInBatch[i] > 1) {
        sum += (long) rowsInBatch[i] * (inBatch[i].ready() + rowsInBatch[i] / 2);
      }
    }
    return chunk == 0 ? 0 : (int) (sum / chunk);
  }

  private int add(DecodeSession session, TokenBatch batch, int budget) {
    inBatch[batched++] = session;
    rowsInBatch[batched - 1] = session.addTo(batch, budget);
    return rowsInBatch[batched - 1];
  }

  /**
   * Behind the last layer the batch's wanted rows stand side by side, one a session.
   *
   * @return when all were computed: what listeners do then is their own time
   */
  private long sampleBatch() {
    int wanted = 0;
    for (int i = 0; i < batched; i++) {
      if (inBatch[i].advanced(rowsInBatch[i])) {
        inBatch[wanted++] = inBatch[i];
      }
    }
    batched = wanted;
    if (wanted == 0) {
      return nanoClock.getAsLong();
    }
    bench.forward().logits(0, wanted, bench.logits());
    long nowNs = nanoClock.getAsLong();
    for (int row = 0; row < wanted; row++) {
      inBatch[row].choose(bench.logits(), row, nowNs);
      bench.stalls().record(inBatch[row].gapNs());
    }
    for (int row = 0; row < wanted && !bench.isStopped(); row++) {
      inBatch[row].tell(bench.shownLogits(), row);
    }
    return nowNs;
  }

  /** How long the gaps between two tokens of an answer were, of all sessions so far. Any thread. */
  public StallHistogram stalls() {
    return bench.stalls();
  }

  /** Why everything ends, in words as far as there is memory for words. */
  private static String fatal(Throwable e) {
    String reason = OUT_OF_MEMORY;
    try {
      // No concatenation of the language's own: to link one needs memory as well.
      reason =
          e instanceof OutOfMemoryError
              ? FAILED
                  .concat("out of memory, ")
                  .concat(String.valueOf(e.getMessage()))
                  .concat("; give the JVM more (-Xmx)")
              : FAILED.concat(e.toString());
      LOG.log(System.Logger.Level.DEBUG, reason, e);
    } catch (Throwable _) {
      // It is said in fewer words.
    }
    return reason;
  }

  private static String told(Exception e) {
    LOG.log(System.Logger.Level.DEBUG, "what ended a session", e);
    return e.toString();
  }

  private void refuseFromNowOn(String reason) {
    synchronized (lock) {
      if (closedFor == null) {
        closedFor = reason;
      }
    }
    bench.stop();
  }

  /** Whatever one session's end throws, the others end as well. */
  private void endAll(String reason) {
    DecodeSession session = takeAny();
    while (session != null) {
      try {
        session.fail(reason);
        session.finish(false);
      } catch (Throwable _) {
        // It has been told, or cannot be.
      }
      session = takeAny();
    }
  }

  private @Nullable DecodeSession takeAny() {
    synchronized (lock) {
      return active.isEmpty() ? waiting.poll() : active.removeLast();
    }
  }

  /**
   * The compute will never answer again, and the thread that waits for it neither: ends all
   * sessions with a failure from the calling thread.
   */
  public void abandon(String reason) {
    refuseFromNowOn(reason);
    endAll(reason);
  }

  /** The thread that computes: what it computes with may be freed when it has ended. */
  public Thread thread() {
    return thread;
  }

  /**
   * Ends all sessions with a failure, and the thread with them, which ends its pass after the layer
   * at hand. One that does not come back from it in time is left behind: it ends, and frees its own
   * memory, when it does. Twice is fine; a listener may call it.
   */
  @Override
  public void close() {
    refuseFromNowOn(CLOSED);
    LockSupport.unpark(thread);
    if (Thread.currentThread() != thread && !ThreadEnd.await(thread, CLOSE_LIMIT)) {
      LOG.log(System.Logger.Level.WARNING, "a computation does not end; it is left behind");
      endAll(CLOSED);
    }
  }
}
