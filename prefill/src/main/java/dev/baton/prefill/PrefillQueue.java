package dev.baton.prefill;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Need;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.model.ModelBackend;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.Scheduler;
import dev.baton.schedule.StepPolicy;
import dev.baton.schedule.WorkSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The orders that a node computes for others, chunk by chunk, when its {@link Scheduler} says so:
 * beside what it decodes itself, if it does. A layer's slice is handed to the sender the moment the
 * layer of that chunk is done; the compute never waits for the network.
 *
 * <p>Blocks are taken when an order is accepted and given back when both the compute and the stream
 * have let go of them. An exception fails the order that caused it.
 *
 * <p>The stream's thread accepts and releases, the compute thread does the rest.
 */
public final class PrefillQueue implements PrefillService, WorkSource, AutoCloseable {
  /** Orders that may be under way; one more is refused. */
  static final int MAX_ORDERS = 64;

  private static final String CLOSED = "the prefill node is shutting down";

  /** How often what has to be done is tried where the heap is full for the moment. */
  private static final int ATTEMPTS = 50;

  private static final long ATTEMPTS_APART_NS = 10_000_000;

  /** The last chunk is such a part of what is known of their speed. */
  private static final int OF_LATE = 8;

  private static final System.Logger LOG = System.getLogger("dev.baton.prefill");

  private final Scheduler scheduler;
  private final ModelBackend model;
  private final KvPool pool;
  private final Map<Long, PrefillWork> orders = new ConcurrentHashMap<>();
  private final List<PrefillWork> active = new ArrayList<>(); // the compute thread's
  private volatile Consumer<OrderReport> orderEnd = _ -> {};
  private volatile double nsPerToken; // through all layers; 0 before the first chunk

  private final Object lock = new Object();
  private final List<PrefillWork> incoming = new ArrayList<>(); // guarded by lock
  private final Set<PrefillWork> queued = new HashSet<>(); // incoming or active; guarded by lock

  /**
   * @param scheduler runs it from now on, and ends it; its chunks are the largest an order may ask
   *     for
   * @param model shared; the caller closes it after the scheduler
   * @param pool where sessions' KV lies while it is computed and sent; shared, the caller closes it
   *     after the scheduler
   */
  public PrefillQueue(Scheduler scheduler, ModelBackend model, KvPool pool) {
    this.scheduler = scheduler;
    this.model = model;
    this.pool = pool;
    scheduler.attach(this);
  }

  /** With a scheduler of its own. */
  public PrefillQueue(ModelBackend model, KvPool pool, int maxChunkTokens, LongSupplier nanoClock) {
    this(new Scheduler(model, new Scheduler.Limits(maxChunkTokens, 0, 0), nanoClock), model, pool);
  }

  /** What runs it. */
  public Scheduler scheduler() {
    return scheduler;
  }

  /** What an order may ask for. */
  public NodeLimits limits() {
    int roomTokens = Math.multiplyExact(pool.totalBlocks(), KvGeometry.BLOCK_TOKENS);
    return new NodeLimits(scheduler.limits().chunkTokens(), roomTokens, MAX_ORDERS);
  }

  @Override
  public @Nullable String accept(PrefillOrder order, KvSender sender) {
    String misfit = misfit(order);
    if (misfit != null) {
      return misfit;
    }
    PrefixBlocks prefix = new PrefixBlocks(order, pool, model);
    KvSequence sequence = prefix.begin();
    if (sequence == null) {
      return "no room: the order needs "
          + KvPool.blocksFor(order.tokens().length)
          + " KV blocks, "
          + pool.freeBlocks()
          + " of "
          + pool.totalBlocks()
          + " are free";
    }
    String refusal = "its prefill side failed";
    try {
      PrefillWork work = new PrefillWork(order, sender, sequence, prefix, model);
      orders.put(order.sessionId(), work);
      sender.onRoom(() -> mayGoOn(work));
      refusal = enqueue(work);
      return refusal;
    } finally {
      if (refusal != null) {
        orders.remove(order.sessionId());
        sequence.close();
      }
    }
  }

  private @Nullable String enqueue(PrefillWork work) {
    synchronized (lock) {
      if (scheduler.isClosed()) {
        String failure = scheduler.failure();
        return failure == null ? CLOSED : failure;
      }
      if (queued.size() == MAX_ORDERS) {
        return "busy: " + MAX_ORDERS + " orders are under way already";
      }
      queued.add(work);
      incoming.add(work);
    }
    scheduler.wake();
    return null;
  }

  /** There is room for more of the order's rows, or some are wanted again. */
  private void mayGoOn(PrefillWork work) {
    synchronized (lock) {
      if (!scheduler.isClosed() && !queued.contains(work) && work.takeAgain()) {
        queued.add(work);
        incoming.add(work);
      }
    }
    scheduler.wake();
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
    if (order.chunks().largestTokens() > scheduler.limits().chunkTokens()) {
      return "chunks of "
          + order.chunks().largestTokens()
          + " tokens are larger than this node's "
          + scheduler.limits().chunkTokens();
    }
    for (int token : order.tokens()) {
      if (token < 0 || token >= model.shape().vocab()) {
        return "token " + token + " is outside the vocabulary of " + model.shape().vocab();
      }
    }
    return orders.containsKey(order.sessionId())
        ? "session " + order.sessionId() + " is already here"
        : null;
  }

  /** What is here of the prompt, by layers, and how long what is before it takes. */
  @Override
  public Standing standing(PrefixQuery query) {
    long tokens = scheduler.pendingTokens();
    synchronized (lock) {
      for (PrefillWork work : incoming) {
        tokens += work.remaining();
      }
    }
    int queueMs = (int) Math.min(Integer.MAX_VALUE, tokens * nsPerToken / 1e6);
    Need need = new Need(model.isExact(), new LayerRange(query.fromLayer(), query.toLayer()));
    int[] ends = pool.prefixes().commonLayers(query.chain(), need);
    List<PrefixHits.Held> held = new ArrayList<>();
    int from = query.fromLayer();
    for (int blocks = ends.length; blocks > 0; blocks--) {
      int to = ends[blocks - 1];
      if (to > from) {
        Positions all = Positions.upTo(blocks * KvGeometry.BLOCK_TOKENS);
        held.add(new PrefixHits.Held(from, to, all));
        from = to;
      }
    }
    return new Standing(held, queueMs, pool.freeBlocks() * KvGeometry.BLOCK_TOKENS);
  }

  @Override
  public void released(long sessionId) {
    PrefillWork work = orders.remove(sessionId);
    if (work != null) {
      work.letGo();
      scheduler.call(); // the compute lets go as well, behind the layer at hand
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
    return orders.size();
  }

  @Override
  public boolean isIdle() {
    for (int i = 0; i < active.size(); i++) {
      if (!active.get(i).waitsForRoom()) {
        return false;
      }
    }
    synchronized (lock) {
      return incoming.isEmpty();
    }
  }

  @Override
  public int prepare(StepPolicy policy) {
    int work = takeIncoming() + settle();
    for (int i = 0; i < active.size(); i++) {
      policy.offer(active.get(i));
    }
    return work;
  }

  private int takeIncoming() {
    synchronized (lock) {
      int count = incoming.size();
      for (int i = 0; i < count; i++) {
        active.add(incoming.get(i));
      }
      incoming.clear();
      return count;
    }
  }

  @Override
  public int run(BatchRunner runner) {
    int ran = 0;
    for (int i = 0; i < active.size() && !runner.isStopped(); i++) {
      PrefillWork work = active.get(i);
      if (work.granted() > 0) {
        run(work, runner);
        ran++;
      }
    }
    return ran;
  }

  private void run(PrefillWork work, BatchRunner runner) {
    long before = work.remaining();
    long startNs = runner.workNs();
    try {
      work.run(runner);
      took(before - work.remaining(), runner.workNs() - startNs);
    } catch (Exception e) {
      LOG.log(System.Logger.Level.DEBUG, "what ended an order", e);
      work.fail("the prefill node failed: " + e);
    }
    runner.batch().clear();
  }

  /** Keeps how long a token takes of late. */
  private void took(long tokens, long ns) {
    if (tokens > 0) {
      double now = (double) ns / tokens;
      double known = nsPerToken;
      nsPerToken = known == 0 ? now : known + (now - known) / OF_LATE;
    }
  }

  @Override
  public int settle() {
    return settle(null);
  }

  @Override
  public void settleWithin(BatchRunner pass) {
    int _ = takeIncoming() + settle(pass);
  }

  /** Ends what is through; in the middle of a pass only what nobody wants any more. */
  private int settle(@Nullable BatchRunner pass) {
    int ended = 0;
    for (int i = active.size() - 1; i >= 0; i--) {
      PrefillWork work = active.get(i);
      boolean ends = pass == null ? work.isThrough() : work.isUnwanted();
      if (ends && leaves(work)) {
        if (pass != null) {
          pass.drop(work.sequence());
        }
        active.remove(i);
        work.end();
        ended++;
      }
    }
    return ended;
  }

  /** False where some of its rows have just been asked for again. */
  private boolean leaves(PrefillWork work) {
    synchronized (lock) {
      boolean leaves = work.isThrough();
      if (leaves) {
        queued.remove(work);
      }
      return leaves;
    }
  }

  @Override
  public void end(@Nullable String why) {
    String reason = why == null ? CLOSED : why;
    for (int i = 0; i < ATTEMPTS && !failAll(reason); i++) {
      LockSupport.parkNanos(ATTEMPTS_APART_NS);
    }
    synchronized (lock) {
      queued.forEach(PrefillWork::letGo);
      queued.clear();
      incoming.clear();
    }
  }

  private boolean failAll(String reason) {
    try {
      orders.values().forEach(work -> work.fail(reason));
      return true;
    } catch (OutOfMemoryError _) {
      return false;
    }
  }

  /** Ends all work of its scheduler: {@link Scheduler#close}. */
  @Override
  public void close() {
    scheduler.close();
  }
}
