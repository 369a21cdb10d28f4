package dev.baton.prefill;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Need;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.Turns;
import dev.baton.thread.ThreadEnd;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Computes prefill orders on one thread of its own, chunk by chunk. Before each chunk it chooses
 * the order anew: the one with the least work left, and every fourth time the one that has waited
 * longest ({@link Turns}). A layer's slice is handed to the sender the moment the layer of that
 * chunk is done; the compute never waits for the network.
 *
 * <p>Blocks are taken when an order is accepted and given back when both the compute and the stream
 * have let go of them. An exception fails the order that caused it; an {@link Error} fails all, and
 * no more are taken.
 */
public final class PrefillWorker implements PrefillService, AutoCloseable {
  /** Orders that may be under way; one more is refused. */
  public static final int MAX_ORDERS = 64;

  /** A layer of a chunk is usually far shorter; who waits for longer is left behind. */
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

  private static final String CLOSED = "the prefill node is shutting down";
  private static final String FAILED = "the prefill node failed and ends: ";

  /** No constant of the language: those are made when they are first used, which takes memory. */
  private static final String OUT_OF_MEMORY =
      String.valueOf("the prefill node failed and ends: out of memory");

  /** How often what has to be done is tried where the heap is full for the moment. */
  private static final int ATTEMPTS = 50;

  private static final long ATTEMPTS_APART_NS = 10_000_000;

  /** The last chunk is such a part of what is known of their speed. */
  private static final int OF_LATE = 8;

  private static final System.Logger LOG = System.getLogger("dev.baton.prefill");

  private final ModelBackend model;
  private final KvPool cache;
  private final LayerPass forward;
  private final TokenBatch batch;
  private final LongSupplier nanoClock;
  private final Map<Long, PrefillJob> jobs = new ConcurrentHashMap<>();
  private final Thread thread;
  private volatile Consumer<OrderReport> orderEnd = _ -> {};
  private volatile double nsPerTokenLayer; // 0 before the first chunk

  private final Object lock = new Object();
  private final Turns<PrefillJob> turns = new Turns<>(); // guarded by lock
  private @Nullable String closedFor; // why nothing is taken any more; guarded by lock
  private @Nullable String failure; // guarded by lock
  private @Nullable Consumer<String> onFailure; // guarded by lock

  /**
   * @param model shared; the caller closes it after this
   * @param cache where sessions' KV lives while it is computed and sent; shared, the caller closes
   *     it after this
   * @param maxChunkTokens largest chunk an order may ask for
   * @param nanoClock the clock of the stream's timestamps
   */
  public PrefillWorker(
      ModelBackend model, KvPool cache, int maxChunkTokens, LongSupplier nanoClock) {
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
    PrefixBlocks prefix = new PrefixBlocks(order, cache, model);
    KvSequence sequence = prefix.begin();
    if (sequence == null) {
      return "no room: the order needs "
          + KvPool.blocksFor(order.tokens().length)
          + " KV blocks, "
          + cache.freeBlocks()
          + " of "
          + cache.totalBlocks()
          + " are free";
    }
    String refusal = "its prefill side failed";
    try {
      PrefillJob job = new PrefillJob(order, sender, sequence, prefix, model);
      jobs.put(order.sessionId(), job);
      sender.onRoom(() -> mayGoOn(job));
      refusal = enqueue(job);
      return refusal;
    } finally {
      if (refusal != null) {
        jobs.remove(order.sessionId());
        sequence.close();
      }
    }
  }

  private @Nullable String enqueue(PrefillJob job) {
    synchronized (lock) {
      if (closedFor != null) {
        return closedFor;
      }
      if (turns.size() == MAX_ORDERS) {
        return "busy: " + MAX_ORDERS + " orders are under way already";
      }
      turns.add(job);
      lock.notifyAll();
      return null;
    }
  }

  /** There is room for more of the order's rows, or some are wanted again. */
  private void mayGoOn(PrefillJob job) {
    synchronized (lock) {
      if (closedFor == null && !turns.contains(job) && job.takeAgain()) {
        turns.add(job);
      }
      lock.notifyAll();
    }
  }

  private @Nullable String misfit(PrefillOrder order) {
    if (order.stage().fromLayer() > 0 || order.stage().toLayer() > model.shape().layers()) {
      return "layers ["
          + order.stage().fromLayer()
          + ", "
          + order.stage().toLayer()
          + ") where this node computes from layer 0 to at most "
          + model.shape().layers();
    }
    if (!order.wireType().fits(model.kvGeometry())) {
      return "KV heads of "
          + model.kvGeometry().headDim()
          + " values do not fit "
          + order.wireType();
    }
    if (order.tokens().length > model.shape().context()) {
      return order.tokens().length
          + " tokens are more than the context of "
          + model.shape().context();
    }
    if (order.chunks().largestTokens() > forward.maxTokens()) {
      return "chunks of "
          + order.chunks().largestTokens()
          + " tokens are larger than this node's "
          + forward.maxTokens();
    }
    for (int token : order.tokens()) {
      if (token < 0 || token >= model.shape().vocab()) {
        return "token " + token + " is outside the vocabulary of " + model.shape().vocab();
      }
    }
    return jobs.containsKey(order.sessionId())
        ? "session " + order.sessionId() + " is already here"
        : null;
  }

  /** What is here of the prompt in all layers asked for, and how long the orders before take. */
  @Override
  public Standing standing(PrefixQuery query) {
    long[] left = new long[1];
    synchronized (lock) {
      turns.forEach(job -> left[0] += job.remaining());
    }
    int queueMs = (int) Math.min(Integer.MAX_VALUE, left[0] * nsPerTokenLayer / 1e6);
    Need need = new Need(model.isExact(), new LayerRange(query.fromLayer(), query.toLayer()));
    int tokens = cache.prefixes().hitTokens(query.chain(), need);
    List<PrefixHits.Held> held =
        tokens == 0
            ? List.of()
            : List.of(
                new PrefixHits.Held(query.fromLayer(), query.toLayer(), Positions.upTo(tokens)));
    return new Standing(held, queueMs, cache.freeBlocks() * KvGeometry.BLOCK_TOKENS);
  }

  @Override
  public void released(long sessionId) {
    PrefillJob job = jobs.remove(sessionId);
    if (job != null) {
      job.letGo();
    }
  }

  @Override
  public void ended(OrderReport report) {
    orderEnd.accept(report);
  }

  /**
   * Has {@code action} told what became of each order, refused ones too. On the stream's thread: it
   * may not wait.
   */
  public void onOrderEnd(Consumer<OrderReport> action) {
    orderEnd = action;
  }

  /** Sessions whose order was accepted and that the stream has not released. */
  public int sessions() {
    return jobs.size();
  }

  private void work() {
    try {
      runUntilClosed();
    } catch (Throwable e) { // nobody is left to hear of it but those who wait
      fail(fatal(e));
    }
    forward.close();
  }

  private void runUntilClosed() {
    for (PrefillJob job = nextTurn(); job != null; job = nextTurn()) {
      boolean over = true;
      long before = job.remaining();
      long startNs = nanoClock.getAsLong();
      try {
        over = job.runChunk(forward, batch, nanoClock);
        took(before - job.remaining(), nanoClock.getAsLong() - startNs);
      } catch (Exception e) {
        LOG.log(System.Logger.Level.DEBUG, "what ended an order", e);
        job.fail("the prefill node failed: " + e);
      }
      batch.clear();
      if (over) {
        synchronized (lock) {
          turns.remove(job);
        }
        job.end();
      }
    }
  }

  /** Keeps how long a token's layer takes of late. */
  private void took(long tokenLayers, long ns) {
    if (tokenLayers > 0) {
      double now = (double) ns / tokenLayers;
      double known = nsPerTokenLayer;
      nsPerTokenLayer = known == 0 ? now : known + (now - known) / OF_LATE;
    }
  }

  /** Waits for an order whose next chunk is to be computed; null when the worker is closed. */
  private @Nullable PrefillJob nextTurn() {
    synchronized (lock) {
      PrefillJob next = turns.next();
      while (closedFor == null && next == null) {
        try {
          lock.wait();
        } catch (InterruptedException _) {
          // Nobody interrupts this thread for a reason: closing wakes it.
        }
        next = turns.next();
      }
      return closedFor != null ? null : next;
    }
  }

  /** Why everything ends, in words as far as there is memory for words. */
  private static String fatal(Throwable e) {
    String reason = OUT_OF_MEMORY;
    try {
      reason =
          FAILED.concat(e.toString()); // to link a concatenation of the language's needs memory
      LOG.log(System.Logger.Level.DEBUG, reason, e);
    } catch (Throwable _) {
      // It is said in fewer words.
    }
    return reason;
  }

  private void fail(String reason) {
    refuseFromNowOn(reason);
    Consumer<String> told;
    synchronized (lock) {
      failure = reason;
      told = onFailure;
    }
    for (int i = 0; i < ATTEMPTS && !failAll(reason); i++) {
      LockSupport.parkNanos(ATTEMPTS_APART_NS);
    }
    letGoOfAll();
    if (told != null) {
      told.accept(reason);
    }
  }

  private boolean failAll(String reason) {
    try {
      jobs.values().forEach(job -> job.fail(reason));
      return true;
    } catch (OutOfMemoryError _) {
      return false;
    }
  }

  private void refuseFromNowOn(String reason) {
    synchronized (lock) {
      if (closedFor == null) {
        closedFor = reason;
      }
      lock.notifyAll();
    }
  }

  private void letGoOfAll() {
    synchronized (lock) {
      turns.clear(PrefillJob::letGo);
    }
  }

  /**
   * Has {@code action} told why, once, should an error end the worker: its orders have failed then,
   * and it takes no more. On the worker's thread.
   */
  public void onFailure(Consumer<String> action) {
    String known;
    synchronized (lock) {
      onFailure = action;
      known = failure;
    }
    if (known != null) {
      action.accept(known);
    }
  }

  /**
   * The compute will never answer again: all sessions fail with the reason, and nothing waits for
   * its thread. Any thread.
   */
  public void abandon(String reason) {
    refuseFromNowOn(reason);
    jobs.values().forEach(job -> job.fail(reason));
  }

  /** The thread that computes: what it computes with may be freed when it has ended. */
  public Thread thread() {
    return thread;
  }

  /**
   * Ends the thread after the layer at hand; sessions fail with a reason. A thread that does not
   * come back in time is left behind: it ends, and frees its own memory, when it does. Twice is
   * fine.
   */
  @Override
  public void close() {
    refuseFromNowOn(CLOSED);
    synchronized (lock) {
      turns.forEach(job -> job.fail(CLOSED));
    }
    if (!ThreadEnd.await(thread, CLOSE_LIMIT)) {
      LOG.log(System.Logger.Level.WARNING, "a computation does not end; it is left behind");
    }
    letGoOfAll();
  }
}
