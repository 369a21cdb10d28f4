package dev.baton.prefill;

import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvView;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.model.ForwardPass;
import dev.baton.model.KvCache;
import dev.baton.model.KvSequence;
import dev.baton.model.LlamaModel;
import dev.baton.model.TokenBatch;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Computes prefill orders, first come first served, on one thread of its own. A layer's slice is
 * handed to the sender the moment the layer of that chunk is done; the compute never waits for the
 * network.
 *
 * <p>Blocks are taken when an order is accepted and given back when both the compute and the stream
 * have let go of them.
 */
public final class PrefillWorker implements PrefillService, AutoCloseable {
  /** Orders that may wait; one more is refused. */
  public static final int MAX_WAITING_ORDERS = 64;

  private final LlamaModel model;
  private final KvCache cache;
  private final ForwardPass forward;
  private final TokenBatch batch;
  private final LongSupplier nanoClock;
  private final BlockingQueue<Job> waiting = new ArrayBlockingQueue<>(MAX_WAITING_ORDERS);
  private final Map<Long, Job> jobs = new ConcurrentHashMap<>();
  private final Thread thread;
  private volatile boolean closed;

  /**
   * @param model shared; the caller closes it after this
   * @param cache where sessions' KV lives while it is computed and sent; shared, the caller closes
   *     it after this
   * @param maxChunkTokens largest chunk an order may ask for
   * @param nanoClock the clock of the stream's timestamps
   */
  public PrefillWorker(
      LlamaModel model, KvCache cache, int maxChunkTokens, LongSupplier nanoClock) {
    this.model = model;
    this.cache = cache;
    this.forward = new ForwardPass(model, maxChunkTokens);
    this.batch = new TokenBatch(maxChunkTokens);
    this.nanoClock = nanoClock;
    this.thread = Thread.ofPlatform().daemon().name("baton-prefill").unstarted(this::work);
    this.thread.start();
  }

  @Override
  public @Nullable String accept(PrefillOrder order, KvSender sender) {
    if (closed) {
      return "the prefill node is shutting down";
    }
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
    Job job = new Job(order, sender, sequence);
    jobs.put(order.sessionId(), job);
    if (!waiting.offer(job)) {
      jobs.remove(order.sessionId());
      sequence.close();
      return "busy: " + MAX_WAITING_ORDERS + " orders are waiting already";
    }
    return null;
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
    if (order.chunkTokens() > forward.maxTokens()) {
      return "chunks of "
          + order.chunkTokens()
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
    Job job = jobs.remove(sessionId);
    if (job != null) {
      job.letGo();
    }
  }

  /** Sessions whose order was accepted and that the stream has not released. */
  public int sessions() {
    return jobs.size();
  }

  private void work() {
    while (!closed) {
      try {
        Job job = waiting.take();
        try {
          run(job);
        } catch (RuntimeException e) {
          job.sender.fail("the prefill node failed: " + e);
        } finally {
          job.letGo();
        }
      } catch (InterruptedException e) {
        break; // closing
      }
    }
  }

  private void run(Job job) {
    PrefillOrder order = job.order;
    KvSender sender = job.sender;
    sender.begin(job);
    int[] tokens = order.tokens();
    long startNs = nanoClock.getAsLong();
    for (int at = 0; at < tokens.length && !closed; at += order.chunkTokens()) {
      int count = Math.min(order.chunkTokens(), tokens.length - at);
      batch.clear().add(job.sequence, tokens, at, count, at);
      forward.embed(batch);
      for (int layer = 0; layer < order.boundaryLayer(); layer++) {
        if (sender.isOver()) {
          return;
        }
        forward.layers(batch, layer, layer + 1);
        int from = Math.max(at, order.firstToken());
        if (from < at + count) {
          sender.slice(layer, from, at + count - from);
        }
      }
      sendHidden(order, sender, at, count);
    }
    batch.clear();
    if (closed) {
      sender.fail("the prefill node is shutting down");
    } else {
      sender.done(startNs, nanoClock.getAsLong());
    }
  }

  private void sendHidden(PrefillOrder order, KvSender sender, int at, int count) {
    int end = at + count;
    if (order.boundaryLayer() < model.config().layers()) {
      int from = Math.max(at, order.firstToken());
      if (from < end) {
        sender.hidden(from, end - from, forward.hidden(), from - at);
      }
    } else if (end == order.tokens().length) {
      sender.hidden(end - 1, 1, forward.hidden(), count - 1);
    }
  }

  /** Ends the thread after the layer at hand; sessions fail with a reason. Twice is fine. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    for (Job job = waiting.poll(); job != null; job = waiting.poll()) {
      job.sender.fail("the prefill node is shutting down");
      job.letGo();
    }
    forward.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** An accepted order and its blocks, which two parties hold: the compute and the stream. */
  private final class Job implements KvSource {
    private final PrefillOrder order;
    private final KvSender sender;
    private final KvSequence sequence;
    private final KvView view;
    private final Kernels kernels = model.kernels();
    private int holders = 2;

    Job(PrefillOrder order, KvSender sender, KvSequence sequence) {
      this.order = order;
      this.sender = sender;
      this.sequence = sequence;
      this.view = sequence.view();
    }

    @Override
    public long exportSlice(
        int layer,
        int firstToken,
        int tokens,
        java.lang.foreign.MemorySegment dst,
        long dstOffset) {
      return kernels.exportKv(view, layer, firstToken, tokens, order.wireType(), dst, dstOffset);
    }

    synchronized void letGo() {
      if (--holders == 0) {
        sequence.close();
      }
    }
  }
}
