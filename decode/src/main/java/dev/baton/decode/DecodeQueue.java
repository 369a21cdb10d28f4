package dev.baton.decode;

import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kvstream.PrefixChain;
import dev.baton.model.ModelBackend;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.Scheduler;
import dev.baton.schedule.StallHistogram;
import dev.baton.schedule.StepPolicy;
import dev.baton.schedule.WorkSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The requests that a node decodes: those that wait for KV blocks or for a place among the
 * sessions, and the sessions, which the node's {@link Scheduler} runs as one continuous batch: a
 * decode step for each, and chunks of the prompts whose turn it is.
 *
 * <p>Who waits is admitted by priority, then in order of arrival; after {@link #AGED_NS} in the
 * line, background requests count as others. A session takes blocks for its prompt when it is
 * admitted, and for its answer as tokens come. Where there are none left, the session of the lowest
 * priority, and of these the youngest, is <em>preempted</em>: it gives its blocks back, stands at
 * its old place in the line again, and is computed again later, to the same bits.
 *
 * <p>An exception ends the session that caused it, with the reason; that of a pass over several
 * sessions ends those. Listeners are called between passes, and told of a cancelled end behind a
 * layer.
 *
 * <p>{@link #submit} may be called from any thread.
 */
public final class DecodeQueue implements WorkSource, AutoCloseable {
  /** A background request that has waited for so long counts as any other. */
  public static final long AGED_NS = 30_000_000_000L;

  private static final String CLOSED = "the engine was closed";

  private static final System.Logger LOG = System.getLogger("dev.baton.decode");

  private final Scheduler scheduler;
  private final ModelBackend model;
  private final KvPool pool;
  private final LongSupplier nanoClock;
  private final int maxSessions;
  private final DecodeCompute compute;
  private final DecodeBatch batch;
  private final DecodeBatch batchWithin; // of what goes before a pass that pauses
  private final LongAdder preemptions = new LongAdder();

  private final Object lock = new Object();
  private final List<DecodeSession> waiting = new ArrayList<>(); // oldest first; guarded by lock

  /** Changed under the lock; the compute thread, which alone adds to it, reads it without. */
  private final List<DecodeSession> active = new ArrayList<>(); // oldest first

  private long arrivals; // guarded by lock
  private int freeBlocksAtRefusal = -1; // what was free when the first in line did not fit

  /**
   * @param scheduler runs it from now on, and ends it
   * @param model shared; the caller closes it after the scheduler
   * @param pool shared; the caller closes it after the scheduler
   * @param nanoClock the clock of all durations, the scheduler's
   */
  public DecodeQueue(Scheduler scheduler, ModelBackend model, KvPool pool, LongSupplier nanoClock) {
    this.scheduler = scheduler;
    this.model = model;
    this.pool = pool;
    this.nanoClock = nanoClock;
    this.maxSessions = scheduler.limits().maxSessions();
    if (maxSessions < 1) {
      throw new IllegalArgumentException("the scheduler has no room for sessions");
    }
    this.compute = new DecodeCompute(scheduler.runner(), model, pool, maxSessions);
    this.batch = new DecodeBatch(model, maxSessions, compute, false);
    this.batchWithin = new DecodeBatch(model, maxSessions, compute, true);
    scheduler.attach(this);
  }

  /** With a scheduler of its own, and the usual stall bound. */
  public DecodeQueue(
      ModelBackend model, KvPool pool, int maxSessions, int chunkTokens, LongSupplier nanoClock) {
    this(model, pool, maxSessions, chunkTokens, 0, nanoClock);
  }

  /**
   * With a scheduler of its own.
   *
   * @param maxStallNs as in {@link Scheduler.Limits}
   */
  public DecodeQueue(
      ModelBackend model,
      KvPool pool,
      int maxSessions,
      int chunkTokens,
      long maxStallNs,
      LongSupplier nanoClock) {
    this(
        new Scheduler(model, new Scheduler.Limits(chunkTokens, maxSessions, maxStallNs), nanoClock),
        model,
        pool,
        nanoClock);
  }

  /** What runs it. */
  public Scheduler scheduler() {
    return scheduler;
  }

  /**
   * Queues a request.
   *
   * @throws IllegalArgumentException when it could never fit: prompt and answer are longer than the
   *     context or the whole KV pool
   * @throws IllegalStateException when the engine is closed, or has failed; says why
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
    if (KvPool.blocksFor(slots) > pool.totalBlocks()) {
      throw new IllegalArgumentException(
          slots
              + " tokens do not fit the KV cache of "
              + (long) pool.totalBlocks() * KvGeometry.BLOCK_TOKENS
              + ": shorten the prompt or the answer");
    }
    DecodeSession session =
        new DecodeSession(request, model.shape().vocab(), nanoClock.getAsLong(), scheduler::call);
    synchronized (lock) {
      if (scheduler.isClosed()) {
        String failure = scheduler.failure();
        throw new IllegalStateException(failure == null ? "the engine is closed" : failure);
      }
      session.arrivedAs(arrivals++);
      waiting.add(session);
    }
    scheduler.call(); // where little has to be done for it, a pass pauses
    return session;
  }

  /**
   * Tokens of a prompt's beginning whose KV is here. Any thread.
   *
   * @param chain the prompt's
   */
  public int cachedTokens(PrefixChain chain) {
    return PrefixReuse.of(chain).cachedTokens(pool, model);
  }

  /**
   * Tokens that wait here to go through all layers: of prompts, of what others ordered, and of
   * requests that are no sessions yet. Any thread.
   */
  public long queuedTokens() {
    long tokens = scheduler.pendingTokens();
    synchronized (lock) {
      for (int i = 0; i < waiting.size(); i++) {
        tokens += waiting.get(i).tokensHere(model.shape().layers());
      }
    }
    return tokens;
  }

  /** How long the gaps between two tokens of an answer were, of all sessions so far. Any thread. */
  public StallHistogram stalls() {
    return compute.stalls();
  }

  /** Sessions that had to give their blocks back so far. Any thread. */
  public long preemptions() {
    return preemptions.sum();
  }

  /** Requests that wait to become sessions. Any thread. */
  public int waiting() {
    synchronized (lock) {
      return waiting.size();
    }
  }

  @Override
  public boolean isIdle() {
    synchronized (lock) {
      return waiting.isEmpty() && active.isEmpty();
    }
  }

  @Override
  public int prepare(StepPolicy policy) {
    int work = settleCancelled(null);
    work += admitWaiting(true);
    long nowNs = nanoClock.getAsLong();
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      if (session.pending() == 1) {
        policy.row(session.waitedNs(nowNs));
      } else if (session.isInPrefill()) {
        policy.offer(session);
      }
    }
    return work;
  }

  /** Tokens that could go through all layers now, of all sessions. */
  private int pendingTokens() {
    int tokens = 0;
    for (int i = 0; i < active.size(); i++) {
      tokens += active.get(i).pending();
    }
    return tokens;
  }

  private int admitWaiting(boolean mayPreempt) {
    int admitted = 0;
    while (admitNext(mayPreempt)) {
      admitted++;
    }
    return admitted;
  }

  /** Admits the first in line, if there is one and there is room; nobody overtakes it. */
  private boolean admitNext(boolean mayPreempt) {
    DecodeSession session;
    synchronized (lock) {
      session = firstInLine();
    }
    if (session == null || !(hasPlace(session, mayPreempt) && hasBlocks(session, mayPreempt))) {
      return false;
    }
    synchronized (lock) {
      if (scheduler.isClosed()) {
        return false; // it is ended with all others
      }
      waiting.remove(session);
      insert(active, session);
    }
    try {
      session.admit(model, nanoClock.getAsLong());
    } catch (Exception e) {
      session.fail("its prefill could not be ordered: " + told(e));
    }
    return true;
  }

  /** Locked. */
  private @Nullable DecodeSession firstInLine() {
    DecodeSession first = null;
    long nowNs = nanoClock.getAsLong();
    for (int i = 0; i < waiting.size(); i++) {
      DecodeSession session = waiting.get(i);
      if (first == null || session.classAt(nowNs).isBefore(first.classAt(nowNs))) {
        first = session;
      }
    }
    return first;
  }

  private boolean hasPlace(DecodeSession session, boolean mayPreempt) {
    if (active.size() < maxSessions) {
      return true;
    }
    DecodeSession last = mayPreempt ? lastOf(active) : null;
    if (last != null && session.priority().isBefore(last.priority())) {
      preempt(last);
      return true;
    }
    return false;
  }

  /** Blocks for what is known of it, and one more for each session that may soon want one. */
  private boolean hasBlocks(DecodeSession session, boolean mayPreempt) {
    int free = pool.freeBlocks();
    if (free == freeBlocksAtRefusal && !active.isEmpty()) {
      return false;
    }
    freeBlocksAtRefusal = -1;
    try {
      while (!session.takeBlocks(pool, model, active.size())) {
        DecodeSession last = mayPreempt ? lastOf(active) : null;
        if (last == null || !session.priority().isBefore(last.priority())) {
          freeBlocksAtRefusal = mayPreempt ? free : -1;
          return false;
        }
        preempt(last);
      }
    } catch (Exception e) {
      session.fail("its KV blocks could not be had: " + told(e));
    }
    return true;
  }

  /** The session that gives way first. */
  private static @Nullable DecodeSession lastOf(List<DecodeSession> sessions) {
    DecodeSession last = null;
    for (int i = 0; i < sessions.size(); i++) {
      DecodeSession session = sessions.get(i);
      if (!session.isOver() && (last == null || !session.priority().isBefore(last.priority()))) {
        last = session;
      }
    }
    return last;
  }

  private void preempt(DecodeSession session) {
    session.preempt();
    preemptions.increment();
    synchronized (lock) {
      if (active.remove(session)) {
        insert(waiting, session);
      }
    }
    LOG.log(System.Logger.Level.DEBUG, "a session was preempted");
  }

  /** In order of arrival. Locked. */
  private static void insert(List<DecodeSession> sessions, DecodeSession session) {
    int at = sessions.size();
    while (at > 0 && sessions.get(at - 1).arrival() > session.arrival()) {
      at--;
    }
    sessions.add(at, session);
  }

  @Override
  public int run(BatchRunner runner) {
    int work = 0;
    for (int i = 0; i < active.size() && !runner.isStopped(); i++) {
      work += advance(active.get(i));
    }
    growAll();
    return work + batch.run(active, runner);
  }

  @Override
  public long dueNs() {
    long oldestNs = Long.MAX_VALUE;
    int rows = 0;
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      if (session.isFirstTokenNear()) {
        return Long.MIN_VALUE;
      }
      if (session.isRow()) {
        rows++;
        oldestNs = Math.min(oldestNs, session.lastTokenNs());
      }
    }
    return rows == 0 ? Long.MAX_VALUE : scheduler.runner().budget().dueNs(rows, oldestNs);
  }

  /** Admits who can be without another's giving way. */
  @Override
  public void prepareWithin(StepPolicy policy) {
    int _ = admitWaiting(false);
    long nowNs = nanoClock.getAsLong();
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      if (session.isRow()) {
        policy.row(session.waitedNs(nowNs));
      } else if (session.isLittle()) {
        policy.offer(session);
      }
    }
  }

  @Override
  public int runWithin(BatchRunner within) {
    int work = 0;
    BatchRunner outer = compute.runner();
    compute.runner(within);
    try {
      for (int i = 0; i < active.size() && !within.isStopped(); i++) {
        work += active.get(i).isInPass() ? 0 : advanceWithin(active.get(i));
      }
      work += batchWithin.run(active, within);
    } finally {
      compute.runner(outer);
    }
    return work + settle();
  }

  /** Goes on with what costs little: its first token, layers of the step behind it. */
  private int advanceWithin(DecodeSession session) {
    try {
      return session.advanceRemote(compute, 0);
    } catch (Exception e) {
      session.fail("its prefill could not go on: " + told(e));
      return 1;
    }
  }

  /** Goes on with what concerns one session alone. */
  private int advance(DecodeSession session) {
    int work = 0;
    session.inPass(true);
    try {
      work += session.advanceRemote(compute, session.granted());
      long nowNs = nanoClock.getAsLong();
      if (session.isLookDue(nowNs)) {
        session.reconsiderRemote(compute, nowNs, pendingTokens());
      }
      session.reportPrefill(nowNs);
    } catch (Exception e) {
      session.fail("its prefill could not go on: " + told(e));
      work++;
    } finally {
      session.inPass(false);
    }
    return work;
  }

  /** Sees to it that the step's tokens have slots; where there are too few, others give way. */
  private void growAll() {
    while (!grewAll()) {
      DecodeSession last = lastOf(active);
      if (last == null) {
        return;
      }
      preempt(last);
    }
  }

  /** The oldest first; false at the first one that there are too few blocks for. */
  private boolean grewAll() {
    for (int i = 0; i < active.size(); i++) {
      try {
        if (!active.get(i).growForStep()) {
          return false;
        }
      } catch (Exception e) {
        active.get(i).fail("its KV blocks could not be had: " + told(e));
      }
    }
    return true;
  }

  @Override
  public int settle() {
    int work = 0;
    for (int i = active.size() - 1; i >= 0; i--) {
      DecodeSession session = active.get(i);
      if (session.isOver() && !session.isInPass()) {
        end(session);
        work++;
      }
    }
    return work;
  }

  @Override
  public void settleWithin(BatchRunner pass) {
    int _ = settleCancelled(pass);
  }

  /** Ends what was cancelled, also where it is under way. */
  private int settleCancelled(@Nullable BatchRunner pass) {
    int work = 0;
    for (int i = active.size() - 1; i >= 0; i--) {
      DecodeSession session = active.get(i);
      if (session.isCancelled() && (pass == null || !session.isOver())) {
        session.checkCancelled();
        if (pass != null) {
          session.leave(pass);
          batch.leave(session);
          batchWithin.leave(session);
        }
        end(session);
        work++;
      }
    }
    return work + settleCancelledWaiting();
  }

  private int settleCancelledWaiting() {
    int work = 0;
    for (DecodeSession session = takeCancelled(); session != null; session = takeCancelled()) {
      session.checkCancelled();
      session.finish(true);
      work++;
    }
    return work;
  }

  private @Nullable DecodeSession takeCancelled() {
    synchronized (lock) {
      for (int i = 0; i < waiting.size(); i++) {
        if (waiting.get(i).isCancelled()) {
          return waiting.remove(i);
        }
      }
      return null;
    }
  }

  /** Where that fails, it is still there to be ended with all others. */
  private void end(DecodeSession session) {
    session.finish(true);
    synchronized (lock) {
      active.remove(session);
    }
  }

  static String told(Exception e) {
    LOG.log(System.Logger.Level.DEBUG, "what ended a session", e);
    return e.toString();
  }

  /** Whatever one session's end throws, the others end as well. */
  @Override
  public void end(@Nullable String why) {
    String reason = why == null ? CLOSED : why;
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
    compute.end(scheduler.thread());
  }

  private @Nullable DecodeSession takeAny() {
    synchronized (lock) {
      if (active.isEmpty()) {
        return waiting.isEmpty() ? null : waiting.removeFirst();
      }
      return active.removeLast();
    }
  }

  /** Ends all work of its scheduler: {@link Scheduler#close}. */
  @Override
  public void close() {
    scheduler.close();
  }
}
