package dev.baton.prefill;

import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.model.KvCache;
import dev.baton.model.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Computes prefill orders on one thread of its own, chunk by chunk. Before each chunk it chooses
 * the order anew: the one with the least work left, and every fourth time the one that has waited
 * longest ({@link ChunkTurns}). A layer's slice is handed to the sender the moment the layer of
 * that chunk is done; the compute never waits for the network.
 *
 * <p>Blocks are taken when an order is accepted and given back when both the compute and the stream
 * have let go of them.
 */
public final class PrefillWorker implements PrefillService, AutoCloseable {
  /** Orders that may be under way; one more is refused. */
  public static final int MAX_ORDERS = 64;

  private final ModelBackend model;
  private final KvCache cache;
  private final LayerPass forward;
  private final TokenBatch batch;
  private final LongSupplier nanoClock;
  private final Map<Long, PrefillJob> jobs = new ConcurrentHashMap<>();
  private final Thread thread;

  private final Object lock = new Object();
  private final ChunkTurns<PrefillJob> turns = new ChunkTurns<>(); // guarded by lock
  private boolean closed; // guarded by lock
  private volatile boolean abandoned;

  /**
   * @param model shared; the caller closes it after this
   * @param cache where sessions' KV lives while it is computed and sent; shared, the caller closes
   *     it after this
   * @param maxChunkTokens largest chunk an order may ask for
   * @param nanoClock the clock of the stream's timestamps
   */
  public PrefillWorker(
      ModelBackend model, KvCache cache, int maxChunkTokens, LongSupplier nanoClock) {
    this.model = model;
    this.cache = cache;
    this.forward = model.pass(maxChunkTokens);
    this.batch = new TokenBatch(maxChunkTokens);
    this.nanoClock = nanoClock;
    this.thread = Thread.ofPlatform().daemon().name("baton-prefill").unstarted(this::work);
    this.thread.start();
  }

  @Override
  public @Nullable String accept(PrefillOrder order, KvSender sender) {
    String misfit = misfit(order);
    if (misfit != null) {
      return misfit;
    }
    KvSequence sequence = cache.reserve(order.tokens().length);
    if (sequence == null) {
      return "no room: the order needs "
          + KvCache.blocksFor(order.tokens().length)
          + " KV blocks, "
          + cache.freeBlocks()
          + " of "
          + cache.totalBlocks()
          + " are free";
    }
    PrefillJob job = new PrefillJob(order, sender, sequence, model);
    jobs.put(order.sessionId(), job);
    String refusal = enqueue(job);
    if (refusal != null) {
      jobs.remove(order.sessionId());
      sequence.close();
    }
    return refusal;
  }

  private @Nullable String enqueue(PrefillJob job) {
    synchronized (lock) {
      if (closed) {
        return "the prefill node is shutting down";
      }
      if (turns.size() == MAX_ORDERS) {
        return "busy: " + MAX_ORDERS + " orders are under way already";
      }
      turns.add(job);
      lock.notifyAll();
      return null;
    }
  }

  private @Nullable String misfit(PrefillOrder order) {
    int layers = model.config().layers();
    if (order.boundaryLayer() > layers) {
      return "boundary layer "
          + order.boundaryLayer()
          + " is past the model's "
          + layers
          + " layers";
    }
    if (order.tokens().length > model.config().contextLength()) {
      return order.tokens().length
          + " tokens are more than the context of "
          + model.config().contextLength();
    }
    if (order.chunks().largestTokens() > forward.maxTokens()) {
      return "chunks of "
          + order.chunks().largestTokens()
          + " tokens are larger than this node's "
          + forward.maxTokens();
    }
    for (int token : order.tokens()) {
      if (token < 0 || token >= model.config().vocab()) {
        return "token " + token + " is outside the vocabulary of " + model.config().vocab();
      }
    }
    return jobs.containsKey(order.sessionId())
        ? "session " + order.sessionId() + " is already here"
        : null;
  }

  @Override
  public void released(long sessionId) {
    PrefillJob job = jobs.remove(sessionId);
    if (job != null) {
      job.letGo();
    }
  }

  /** Sessions whose order was accepted and that the stream has not released. */
  public int sessions() {
    return jobs.size();
  }

  private void work() {
    for (PrefillJob job = nextTurn(); job != null; job = nextTurn()) {
      boolean over = true;
      try {
        over = job.runChunk(forward, batch, nanoClock);
      } catch (RuntimeException e) {
        job.fail("the prefill node failed: " + e);
      }
      batch.clear();
      if (over) {
        synchronized (lock) {
          turns.remove(job);
        }
        job.letGo();
      }
    }
  }

  /** Waits for an order whose next chunk is to be computed; null when the worker is closed. */
  private @Nullable PrefillJob nextTurn() {
    synchronized (lock) {
      while (!closed && turns.size() == 0) {
        try {
          lock.wait();
        } catch (InterruptedException _) {
          // Nobody interrupts this thread for a reason: closing wakes it.
        }
      }
      return closed ? null : turns.next();
    }
  }

  /**
   * The compute will never answer again: all sessions fail with the reason, and nothing waits for
   * its thread. Any thread.
   */
  public void abandon(String reason) {
    abandoned = true;
    synchronized (lock) {
      closed = true;
      lock.notifyAll();
    }
    jobs.values().forEach(job -> job.fail(reason));
  }

  /** Ends the thread after the layer at hand; sessions fail with a reason. Twice is fine. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      turns.forEach(job -> job.fail("the prefill node is shutting down"));
      lock.notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive() && !abandoned) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    synchronized (lock) {
      for (PrefillJob job = turns.next(); job != null; job = turns.next()) {
        turns.remove(job);
        job.letGo();
      }
    }
    if (!abandoned) {
      forward.close(); // else its thread may still hold it
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
