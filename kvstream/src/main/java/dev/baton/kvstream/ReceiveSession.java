package dev.baton.kvstream;

import dev.baton.kernel.RowDigest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import org.agrona.collections.IntArrayList;
import org.jspecify.annotations.Nullable;

/**
 * One order at the decode node. The {@code on...} methods take messages as they came from the peer:
 * every field is checked against the order before memory is touched, rows that are there already
 * are never written again, and what does not fit ends the session with its reason. Written by the
 * stream thread, read by any other.
 */
final class ReceiveSession implements KvReceiver {
  /** Ranges that one layer's part of a request has at most. */
  private static final int MAX_RANGES = 4;

  /** A sender whose rows arrive spoiled more often than this is not worth another request. */
  private static final int MAX_SPOILED = 64;

  private final PrefillOrder order;
  private final int endToken;
  private final int tokenBytes;
  private final int hiddenRowBytes;
  private final int hiddenFirst;
  private final boolean allHidden;
  private final KvSink sink;
  private final String peer;
  private final Consumer<ReceiveSession> closer;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment hiddenRows;
  private final MemorySegment oneToken;

  private final Coverage kv;
  private final Coverage hidden;
  private final long[] digest;
  private final long[] promisedDigest;
  private final boolean[] promised;
  private final AtomicIntegerArray whole;
  private final TransferMeter meter = new TransferMeter();
  private final long creditWindow;
  private long creditLimit;
  private int wholeLayers;
  private long hiddenDigest;
  private long promisedHiddenDigest;
  private boolean doneArrived;
  private boolean requestDue;
  private int spoiled;
  private int requests;
  private long computeStartNs;
  private long computeEndNs;
  private long clockErrorNs;

  private volatile State state = State.ORDERED;
  private volatile @Nullable String failure;
  private volatile int coveredTokens;
  private volatile int hiddenTokens;
  private volatile boolean detached;
  private volatile @Nullable TransferTrace trace;

  /**
   * A session that waits for an order's KV.
   *
   * @param node this node: the shapes of what will arrive
   * @param peer who sends it, as failures name it
   * @param closer ends the session on the stream thread and returns when that is done
   */
  ReceiveSession(
      PrefillOrder order,
      KvSink sink,
      NodeIdentity node,
      long creditBytes,
      String peer,
      Consumer<ReceiveSession> closer) {
    this.order = order;
    this.sink = sink;
    this.peer = peer;
    this.closer = closer;
    this.endToken = order.tokens().length;
    this.tokenBytes = order.wireType().tokenBytes(node.geometry());
    this.hiddenRowBytes = node.hiddenDim() * Float.BYTES;
    int layers = order.boundaryLayer();
    this.allHidden = layers < node.geometry().layers();
    this.hiddenFirst = allHidden ? order.firstToken() : endToken - 1;
    this.hiddenRows = arena.allocate((long) (endToken - hiddenFirst) * hiddenRowBytes, Long.BYTES);
    this.oneToken = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(tokenBytes));
    this.kv = new Coverage(layers, order.firstToken(), endToken);
    this.hidden = new Coverage(1, hiddenFirst, endToken);
    this.digest = new long[layers];
    this.promisedDigest = new long[layers];
    this.promised = new boolean[layers];
    this.whole = new AtomicIntegerArray(layers);
    this.creditWindow = Math.max(creditBytes, 4L * Math.max(tokenBytes, hiddenRowBytes));
    this.creditLimit = creditWindow;
    this.coveredTokens = order.firstToken();
    this.hiddenTokens = order.firstToken();
  }

  // For any thread.

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
  public MemorySegment hiddenRows() {
    return hiddenRows;
  }

  @Override
  public long receivedBytes() {
    return meter.receivedBytes();
  }

  @Override
  public long orderedBytes() {
    long kvRows = (long) (endToken - order.firstToken()) * order.boundaryLayer();
    return kvRows * tokenBytes + (long) (endToken - hiddenFirst) * hiddenRowBytes;
  }

  @Override
  public TransferReport report() {
    return meter.report();
  }

  @Override
  public @Nullable TransferTrace trace() {
    return trace;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      if (!detached) {
        closer.accept(this);
      }
      arena.close();
    }
  }

  // For the stream thread.

  PrefillOrder order() {
    return order;
  }

  boolean isFinal() {
    return state == State.WHOLE || state == State.FAILED;
  }

  /** Keeps what arrives when. Before the order is sent. */
  void keepTrace() {
    trace = new TransferTrace();
  }

  /** The order is on its way. */
  void ordered(long nowNs) {
    meter.ordered(nowNs);
  }

  /** No message reaches this session any more. */
  void detach() {
    detached = true;
  }

  void fail(String reason) {
    if (!isFinal()) {
      failure = reason;
      state = State.FAILED;
    }
  }

  /** The connection to the sender was made anew. */
  void resumed() {
    long saved = 0;
    for (int layer = 0; layer < order.boundaryLayer(); layer++) {
      saved += (long) kv.covered(layer) * tokenBytes;
    }
    meter.resumed(saved + (long) hidden.covered(0) * hiddenRowBytes);
  }

  /** True once after the sender said that it was done and rows are missing all the same. */
  boolean takeRequestDue() {
    boolean due = requestDue;
    requestDue = false;
    return due;
  }

  /** Every range that is not there: layer, first token, tokens; hidden rows as the boundary's. */
  IntArrayList missing() {
    IntArrayList ranges = new IntArrayList();
    for (int layer = 0; layer < order.boundaryLayer(); layer++) {
      addMissing(ranges, layer, kv, layer, order.firstToken());
    }
    addMissing(ranges, order.boundaryLayer(), hidden, 0, hiddenFirst);
    return ranges;
  }

  private void addMissing(IntArrayList ranges, int layer, Coverage of, int row, int from) {
    int first = of.firstMissing(row, from);
    for (int i = 1; first < endToken; i++) {
      // Few ranges, so that the request fits any control stream: the last one may repeat a little.
      int end = i < MAX_RANGES ? of.firstPresent(row, first) : endToken;
      ranges.addInt(layer);
      ranges.addInt(first);
      ranges.addInt(end - first);
      first = end < endToken ? of.firstMissing(row, end) : endToken;
    }
  }

  /** A whole window from here on. */
  long renewCredit() {
    creditLimit = meter.totalBytes() + creditWindow;
    return creditLimit;
  }

  /** What the sender may send in all before it hears more. */
  long creditLimit() {
    return creditLimit;
  }

  /**
   * A higher limit that is worth telling the sender, or -1.
   *
   * @param anyWorth whatever came since the last time: over a slow link the sender learns from it
   *     that its bytes arrive
   */
  long creditDue(boolean anyWorth) {
    long limit = meter.totalBytes() + creditWindow;
    return limit - creditLimit > (anyWorth ? 0 : creditWindow / 4) ? limit : -1;
  }

  /** The sender was told this limit. */
  void credited(long limitBytes) {
    creditLimit = limitBytes;
  }

  /** A KvSlice; its payload stands at an absolute address. */
  void onSlice(
      int layer,
      int first,
      int tokens,
      long sliceDigest,
      long address,
      int payloadBytes,
      long nowNs) {
    if (isFinal()) {
      return;
    }
    if (layer < 0
        || layer >= order.boundaryLayer()
        || !isInside(first, tokens, order.firstToken())) {
      fail(
          peer
              + " sent KV that was not ordered: layer "
              + layer
              + ", "
              + tokens
              + " tokens from "
              + first);
    } else if (payloadBytes != (long) tokens * tokenBytes) {
      fail(
          peer
              + " sent a slice of "
              + payloadBytes
              + " bytes for "
              + tokens
              + " tokens of "
              + tokenBytes);
    } else if (isWithinCredit(payloadBytes)) {
      meter.kv(nowNs, payloadBytes);
      take(layer, first, tokens, sliceDigest, address);
    }
  }

  /** What was spoiled on the way is asked for again once the sender thinks that it is done. */
  private void drop(String what) {
    meter.spoiled();
    if (++spoiled > MAX_SPOILED) {
      fail(peer + " sent " + what + " with a wrong digest " + spoiled + " times");
    }
  }

  private void take(int layer, int first, int tokens, long sliceDigest, long address) {
    int known = kv.count(layer, first, tokens);
    boolean right;
    try {
      if (known == 0) {
        right = sink.importSlice(layer, first, tokens, RawMemory.ALL, address, sliceDigest);
      } else {
        right =
            RowDigest.ofSlice(layer, first, tokens, tokenBytes / 2, RawMemory.ALL, address)
                == sliceDigest;
        if (right && known < tokens) {
          takeMissing(layer, first, tokens, address);
        }
      }
    } catch (Exception e) {
      fail("the KV that arrived could not be stored: " + e);
      return;
    }
    if (!right) {
      drop("slices");
      return;
    }
    if (isFinal() || known == tokens) {
      return; // the sink itself may have closed the receiver
    }
    if (known == 0) {
      digest[layer] += sliceDigest;
    }
    boolean wasLast = kv.prefix(layer) == coveredTokens;
    kv.mark(layer, first, tokens);
    state = State.STREAMING;
    if (wasLast) {
      coveredTokens = leastPrefix();
    }
    checkLayer(layer);
  }

  /**
   * Stores those tokens of an overlapping slice that are not there yet, one by one: the others may
   * be in use.
   */
  private void takeMissing(int layer, int first, int tokens, long address) {
    int row = tokenBytes / 2;
    long values = address + (long) tokens * row;
    for (int t = kv.firstMissing(layer, first);
        t < first + tokens;
        t = kv.firstMissing(layer, t + 1)) {
      long at = (long) (t - first) * row;
      MemorySegment.copy(RawMemory.ALL, address + at, oneToken, 0, row);
      MemorySegment.copy(RawMemory.ALL, values + at, oneToken, row, row);
      long tokenDigest = RowDigest.ofSlice(layer, t, 1, row, oneToken, 0);
      if (!sink.importSlice(layer, t, 1, oneToken, 0, tokenDigest)) {
        throw new IllegalStateException("the KV of token " + t + " changed on its way");
      }
      digest[layer] += tokenDigest;
    }
  }

  /** A LayerDigest. */
  void onLayerDigest(int layer, int tokens, long layerDigest) {
    if (isFinal()) {
      return;
    }
    if (layer < 0 || layer >= order.boundaryLayer() || tokens != endToken - order.firstToken()) {
      fail(
          peer + " sent a digest that was not ordered: layer " + layer + ", " + tokens + " tokens");
    } else if (promised[layer] && promisedDigest[layer] != layerDigest) {
      fail(peer + " sent two digests for layer " + layer);
    } else {
      promised[layer] = true;
      promisedDigest[layer] = layerDigest;
      checkLayer(layer);
    }
  }

  private void checkLayer(int layer) {
    if (!promised[layer] || !kv.isFull(layer) || whole.getPlain(layer) != 0) {
      return;
    }
    if (digest[layer] != promisedDigest[layer]) {
      fail("the KV of layer " + layer + " differs from what " + peer + " computed");
      return;
    }
    whole.setRelease(layer, 1);
    wholeLayers++;
    checkWhole();
  }

  /** HiddenRows; the payload stands at an absolute address. */
  void onHidden(
      int first, int tokens, long rowsDigest, long address, int payloadBytes, long nowNs) {
    if (isFinal()) {
      return;
    }
    if (!isInside(first, tokens, hiddenFirst)) {
      fail(peer + " sent hidden rows that were not ordered: " + tokens + " from " + first);
    } else if (payloadBytes != (long) tokens * hiddenRowBytes) {
      fail(
          peer
              + " sent "
              + payloadBytes
              + " bytes for "
              + tokens
              + " hidden rows of "
              + hiddenRowBytes);
    } else if (isWithinCredit(payloadBytes)) {
      meter.hidden(nowNs, payloadBytes);
      int layer = order.boundaryLayer();
      if (RowDigest.ofHidden(layer, first, tokens, hiddenRowBytes, RawMemory.ALL, address)
          != rowsDigest) {
        drop("hidden rows");
      } else {
        takeHidden(first, tokens, rowsDigest, address);
      }
    }
  }

  private void takeHidden(int first, int tokens, long rowsDigest, long address) {
    if (hidden.count(0, first, tokens) == 0) {
      storeHidden(first, tokens, address);
      hiddenDigest += rowsDigest;
    } else {
      for (int t = hidden.firstMissing(0, first);
          t < first + tokens;
          t = hidden.firstMissing(0, t + 1)) {
        long from = address + (long) (t - first) * hiddenRowBytes;
        storeHidden(t, 1, from);
        hiddenDigest +=
            RowDigest.ofHidden(order.boundaryLayer(), t, 1, hiddenRowBytes, RawMemory.ALL, from);
      }
    }
    hidden.mark(0, first, tokens);
    state = State.STREAMING;
    if (allHidden || hidden.isFull(0)) {
      hiddenTokens = hidden.prefix(0);
    }
    checkWhole();
  }

  private void storeHidden(int first, int tokens, long address) {
    long to = (long) (first - hiddenFirst) * hiddenRowBytes;
    MemorySegment.copy(RawMemory.ALL, address, hiddenRows, to, (long) tokens * hiddenRowBytes);
  }

  /** PrefillDone; the moments are on our clock already. */
  void onDone(long startNs, long endNs, long errorNs, int rows, long rowsDigest) {
    if (isFinal()) {
      return;
    }
    if (rows != endToken - hiddenFirst) {
      fail(
          peer
              + " says it sent "
              + rows
              + " hidden rows where "
              + (endToken - hiddenFirst)
              + " were ordered");
      return;
    }
    doneArrived = true;
    promisedHiddenDigest = rowsDigest;
    computeStartNs = startNs;
    computeEndNs = endNs;
    clockErrorNs = errorNs;
    checkWhole();
    if (!isFinal()) {
      requestDue = true;
      if (++requests > MAX_SPOILED) {
        fail(peer + " said " + requests + " times that all was sent, and it was not");
      }
    }
  }

  private void checkWhole() {
    if (isFinal() || !doneArrived || wholeLayers < order.boundaryLayer() || !hidden.isFull(0)) {
      return;
    }
    if (hiddenDigest != promisedHiddenDigest) {
      fail("the hidden rows differ from what " + peer + " computed");
      return;
    }
    meter.complete(computeStartNs, computeEndNs, clockErrorNs);
    state = State.WHOLE;
  }

  private boolean isInside(int first, int tokens, int from) {
    return tokens >= 1 && first >= from && first < endToken && tokens <= endToken - first;
  }

  private boolean isWithinCredit(int payloadBytes) {
    if (meter.totalBytes() + payloadBytes > creditLimit) {
      fail(peer + " sent more than it was credited: " + creditLimit + " bytes");
      return false;
    }
    return true;
  }

  private int leastPrefix() {
    int least = endToken;
    for (int layer = 0; layer < order.boundaryLayer(); layer++) {
      least = Math.min(least, kv.prefix(layer));
    }
    return least;
  }
}
