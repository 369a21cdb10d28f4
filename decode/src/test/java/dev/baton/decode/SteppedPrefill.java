package dev.baton.decode;

import dev.baton.cpu.CpuModel;
import dev.baton.cpu.CpuPass;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import dev.baton.model.TokenBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * A prefill node in the test's hand: it has computed all when the order comes, and what arrives
 * when is the test's choice.
 */
final class SteppedPrefill implements PrefillTarget, KvReceiver {
  private final CpuModel model;
  private final CountDownLatch ordered = new CountDownLatch(1);
  private final AtomicIntegerArray whole;
  private final int layers;
  private PrefillOrder order;
  private KvSink sink;
  private MemorySegment[] slices;
  private long[] digests;
  private MemorySegment hidden;
  private volatile State state = State.ORDERED;
  private volatile @Nullable String failure;
  private volatile int hiddenTokens;
  private volatile int coveredTokens;
  private volatile long receivedBytes;
  private volatile boolean closed;

  private final Fidelity fidelity;

  SteppedPrefill(CpuModel model) {
    this(model, Fidelity.EXACT);
  }

  /** One that says so of its numbers, whatever they are. */
  SteppedPrefill(CpuModel model, Fidelity fidelity) {
    this.model = model;
    this.fidelity = fidelity;
    this.layers = model.shape().layers();
    this.whole = new AtomicIntegerArray(layers);
  }

  @Override
  public Fidelity fidelity() {
    return fidelity;
  }

  @Override
  public KvReceiver order(PrefillOrder wanted, KvSink into) {
    order = wanted;
    coveredTokens = wanted.firstToken();
    sink = into;
    compute();
    ordered.countDown();
    return this;
  }

  private void compute() {
    int n = order.tokens().length;
    int first = order.firstToken();
    int tokenBytes = model.kvGeometry().tokenBytes();
    slices = new MemorySegment[order.stage().toLayer()];
    digests = new long[order.stage().toLayer()];
    try (KvPool cache = new KvPool(model.kvGeometry(), KvPool.blocksFor(n));
        KvSequence sequence = cache.reserve(n);
        CpuPass forward = new CpuPass(model, n)) {
      TokenBatch batch = new TokenBatch(n).add(sequence, order.tokens(), 0, n, 0);
      forward.embed(batch);
      forward.layers(batch, 0, order.stage().toLayer());
      for (int layer = 0; layer < slices.length; layer++) {
        slices[layer] = Arena.ofAuto().allocate((long) (n - first) * tokenBytes, 64);
        digests[layer] =
            model
                .kernels()
                .exportKv(
                    sequence.view(), layer, first, n - first, order.wireType(), slices[layer], 0);
      }
      long rowBytes = model.shape().dim() * 4L;
      boolean all = order.stage().toLayer() < layers;
      hidden = Arena.ofAuto().allocate(all ? n * rowBytes : rowBytes, 64);
      long from = all ? 0 : (n - 1) * rowBytes;
      MemorySegment.copy(forward.hidden(), from, hidden, 0, hidden.byteSize());
    }
  }

  void awaitOrder() throws InterruptedException {
    if (!ordered.await(60, TimeUnit.SECONDS)) {
      throw new AssertionError("no order came");
    }
  }

  /** The hidden rows arrive. */
  void deliverHidden() {
    state = State.STREAMING;
    receivedBytes += hidden.byteSize();
    hiddenTokens = order.tokens().length;
  }

  /** One layer arrives whole. */
  void deliverLayer(int layer) {
    state = State.STREAMING;
    int first = order.firstToken();
    int tokens = order.tokens().length - first;
    sink.importSlice(layer, 0, first, tokens, slices[layer], 0, digests[layer]);
    receivedBytes += slices[layer].byteSize();
    if (layer == slices.length - 1) {
      coveredTokens = order.tokens().length;
    }
    whole.setRelease(layer, 1);
  }

  void deliverAll() {
    deliverHidden();
    for (int layer = 0; layer < slices.length; layer++) {
      deliverLayer(layer);
    }
  }

  void becomeWhole() {
    state = State.WHOLE;
  }

  void fail(String why) {
    failure = why;
    state = State.FAILED;
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public State state() {
    return state;
  }

  @Override
  public @Nullable String failure() {
    return failure;
  }

  @Override
  public boolean isLayerWhole(int layer) {
    return whole.getAcquire(layer) != 0;
  }

  @Override
  public int coveredTokens() {
    return coveredTokens;
  }

  @Override
  public int hiddenTokens() {
    return hiddenTokens;
  }

  @Override
  public void copyHidden(int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    long rowBytes = model.shape().dim() * 4L;
    int first = order.stage().toLayer() < layers ? firstToken : 0;
    MemorySegment.copy(hidden, first * rowBytes, dst, dstOffset, tokens * rowBytes);
  }

  @Override
  public void hiddenTaken(int endToken) {}

  @Override
  public long receivedBytes() {
    return receivedBytes;
  }

  @Override
  public long orderedBytes() {
    return hidden.byteSize() + slices.length * slices[0].byteSize();
  }

  @Override
  public TransferReport report() {
    long end = state == State.WHOLE ? 2 : 0;
    return new TransferReport(receivedBytes, 0, receivedBytes, 1, 1, end, 1, 2, 0, 0, 0, 0, null);
  }

  @Override
  public @Nullable TransferTrace trace() {
    return null;
  }

  @Override
  public void close() {
    closed = true;
  }
}
