package dev.baton.decode;

import dev.baton.kernel.KvGeometry;
import dev.baton.model.KvCache;
import dev.baton.model.KvSequence;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * The decode side of a node: one thread that takes requests in order of arrival, reserves their
 * blocks, goes on with what prefill nodes send, and runs all sessions as one continuous batch, a
 * decode step for each and a prefill chunk for one. A prefill node that has become slower than this
 * one is left, and its session finished here.
 *
 * <p>{@link #submit} may be called from any thread. In the steady state the thread allocates
 * nothing.
 */
public final class DecodeLoop implements AutoCloseable {
  private static final long SHORTEST_POLL_NS = 50_000;
  private static final long LONGEST_POLL_NS = 400_000;

  private final ModelBackend model;
  private final KvCache cache;
  private final LongSupplier nanoClock;
  private final int maxSessions;
  private final int chunkTokens;
  private final Workbench bench;
  private final List<DecodeSession> active = new ArrayList<>();
  private final DecodeSession[] inBatch;
  private final int[] rowsInBatch;
  private final Thread thread;

  private final Object lock = new Object();
  private final Deque<DecodeSession> waiting = new ArrayDeque<>(); // guarded by lock
  private boolean closing; // guarded by lock
  private volatile boolean abandoned;

  /**
   * @param model shared; the caller closes it after this
   * @param cache shared; the caller closes it after this
   * @param maxSessions sessions decoded at once; more wait
   * @param chunkTokens prompt tokens that go through the layers together
   * @param nanoClock the clock of all durations
   */
  public DecodeLoop(
      ModelBackend model, KvCache cache, int maxSessions, int chunkTokens, LongSupplier nanoClock) {
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
    this.chunkTokens = chunkTokens;
    this.bench = new Workbench(model, cache, maxSessions + chunkTokens, maxSessions, nanoClock);
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
   * @throws IllegalStateException when the loop is closed
   */
  public DecodeSession submit(DecodeRequest request) {
    int slots = Math.addExact(request.prompt().length, request.maxTokens());
    if (slots > model.config().contextLength()) {
      throw new IllegalArgumentException(
          request.prompt().length
              + " prompt tokens and "
              + request.maxTokens()
              + " more do not fit the model's context of "
              + model.config().contextLength());
    }
    if (KvCache.blocksFor(slots) > cache.totalBlocks()) {
      throw new IllegalArgumentException(
          slots
              + " tokens do not fit the KV cache of "
              + (long) cache.totalBlocks() * KvGeometry.BLOCK_TOKENS
              + ": shorten the prompt or the answer");
    }
    DecodeSession session =
        new DecodeSession(request, model.config().vocab(), nanoClock.getAsLong());
    synchronized (lock) {
      if (closing) {
        throw new IllegalStateException("the engine is closed");
      }
      waiting.add(session);
    }
    LockSupport.unpark(thread);
    return session;
  }

  private void work() {
    long pollNs = SHORTEST_POLL_NS;
    while (true) {
      boolean nobodyWaits;
      synchronized (lock) {
        if (closing) {
          break;
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
    }
    endAll("the engine was closed");
  }

  private int step() {
    int work = admitWaiting();
    try {
      for (int i = 0; i < active.size(); i++) {
        DecodeSession session = active.get(i);
        session.checkCancelled();
        work += session.advanceRemote(bench);
        if (session.isLookDue(nanoClock.getAsLong())) {
          session.reconsiderRemote(bench, pendingTokens());
        }
        session.reportPrefill(nanoClock.getAsLong());
      }
      work += runBatch();
    } catch (RuntimeException e) {
      // A pass that failed says nothing about whose fault it was: nobody gets a half-computed
      // answer.
      for (int i = 0; i < active.size(); i++) {
        active.get(i).fail("the forward pass failed: " + e);
      }
    }
    for (int i = active.size() - 1; i >= 0; i--) {
      DecodeSession session = active.get(i);
      if (session.isOver()) {
        active.remove(i);
        session.finish();
        work++;
      }
    }
    return work;
  }

  private int admitWaiting() {
    int admitted = 0;
    while (active.size() < maxSessions) {
      DecodeSession session;
      KvSequence blocks;
      synchronized (lock) {
        session = waiting.peek();
        if (session == null) {
          break;
        }
        session.checkCancelled();
        blocks = session.isOver() ? null : cache.reserve(session.slots());
        if (blocks == null && !session.isOver()) {
          break; // the first in line waits for room; nobody overtakes it
        }
        waiting.remove();
      }
      if (blocks != null) {
        session.admit(blocks, model, nanoClock.getAsLong());
      }
      active.add(session);
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
   * One pass over everything that is pending: decode rows first, then a chunk of the first prompt
   * in line.
   */
  private int runBatch() {
    TokenBatch batch = bench.batch().clear();
    int sessions = 0;
    int chunk = 0;
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      if (session.pending() == 1) {
        rowsInBatch[sessions] = session.addTo(batch, 1);
        inBatch[sessions++] = session;
      }
    }
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      if (session.pending() > 1) {
        chunk = session.addTo(batch, chunkTokens);
        rowsInBatch[sessions] = chunk;
        inBatch[sessions++] = session;
        break;
      }
    }
    if (sessions == 0) {
      return 0;
    }
    long startNs = nanoClock.getAsLong();
    bench.forward().embed(batch);
    bench.forward().layers(batch, 0, model.config().layers());
    bench.ranChunk(chunk, model.config().layers(), startNs);
    int rows = batch.rows();
    batch.clear();
    sampleBatch(sessions);
    return rows;
  }

  /** Behind the last layer the batch's wanted rows stand side by side, one a session. */
  private void sampleBatch(int sessions) {
    int wanted = 0;
    for (int i = 0; i < sessions; i++) {
      if (inBatch[i].advanced(rowsInBatch[i])) {
        inBatch[wanted++] = inBatch[i];
      }
    }
    if (wanted > 0) {
      bench.forward().logits(0, wanted, bench.logits());
      long nowNs = nanoClock.getAsLong();
      for (int row = 0; row < wanted; row++) {
        inBatch[row].sample(bench.logits(), row, nowNs);
      }
    }
    Arrays.fill(inBatch, 0, sessions, null);
  }

  private void endAll(String reason) {
    synchronized (lock) {
      active.addAll(waiting);
      waiting.clear();
    }
    for (DecodeSession session : active) {
      session.fail(reason);
      session.finish();
    }
    active.clear();
  }

  /**
   * The compute will never answer again, and the thread that waits for it neither: ends all
   * sessions with a failure from the calling thread.
   */
  public void abandon(String reason) {
    synchronized (lock) {
      if (closing) {
        return;
      }
      closing = true;
    }
    abandoned = true;
    endAll(reason);
  }

  /**
   * Ends all sessions with a failure and the thread with them. Twice is fine; not from a listener.
   */
  @Override
  public void close() {
    synchronized (lock) {
      closing = true;
    }
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive() && !abandoned) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (!abandoned) {
      bench.close(); // else its thread may still hold it
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
