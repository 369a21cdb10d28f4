package dev.baton.kvstream;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * One order at the prefill node. The compute thread says how far each layer is ({@link KvSender});
 * the stream thread follows ({@link #pump}), the earliest tokens first and hidden rows before KV,
 * because the decode node waits for them. As a layer's tokens are handed over in order, how far it
 * is, is one number: nothing is queued, neighbours that wait travel together, and a resumed session
 * would only set back what was sent.
 */
final class SendSession implements KvSender {
  private static final int MESSAGE_BYTES = 64;

  private final PrefillOrder order;
  private final int endToken;
  private final int tokenBytes;
  private final int hiddenRowBytes;
  private final int hiddenFirst;
  private final Runnable wake;

  /** Compute thread to stream thread. */
  private final AtomicIntegerArray ready;

  private volatile int hiddenReady;
  private volatile boolean done;
  private volatile @Nullable String failure;
  private @Nullable KvSource source;
  private MemorySegment hiddenRows = MemorySegment.NULL;
  private long computeStartNs;
  private long computeEndNs;

  /** Stream thread to compute thread. */
  private volatile boolean over;

  /** Stream thread's own. */
  private final int[] sent;

  private final long[] digest;
  private int layer = -1;
  private int layerTarget;
  private int digestDue = -1;
  private int hiddenSent;
  private long hiddenDigest;
  private boolean doneSent;
  private long sentBytes;
  private long creditLimit;
  private long progressNs;

  SendSession(PrefillOrder order, NodeIdentity node, long creditBytes, long nowNs, Runnable wake) {
    this.order = order;
    this.endToken = order.tokens().length;
    this.tokenBytes = node.geometry().tokenBytes();
    this.hiddenRowBytes = node.hiddenDim() * Float.BYTES;
    this.hiddenFirst =
        order.boundaryLayer() < node.geometry().layers() ? order.firstToken() : endToken - 1;
    this.wake = wake;
    int[] start = new int[order.boundaryLayer()];
    Arrays.fill(start, order.firstToken());
    this.sent = start;
    this.ready = new AtomicIntegerArray(start);
    this.digest = new long[order.boundaryLayer()];
    this.hiddenReady = hiddenFirst;
    this.hiddenSent = hiddenFirst;
    this.creditLimit = creditBytes;
    this.progressNs = nowNs;
  }

  // The compute thread's side.

  @Override
  public void begin(KvSource kv) {
    hiddenRows =
        Arena.ofAuto().allocate((long) (endToken - hiddenFirst) * hiddenRowBytes, Float.BYTES);
    source = kv;
  }

  @Override
  public void slice(int ofLayer, int firstToken, int tokens) {
    if (over) {
      return;
    }
    if (source == null) {
      throw new IllegalStateException("begin comes before the first slice");
    }
    int before = ready.getPlain(ofLayer);
    requireNext("KV of layer " + ofLayer, firstToken, tokens, before);
    ready.setRelease(ofLayer, Math.max(before, firstToken + tokens));
    wake.run();
  }

  @Override
  public void hidden(int firstToken, int tokens, MemorySegment rows, long row) {
    int before = hiddenReady;
    int end = firstToken + tokens;
    if (over || end <= before) {
      return;
    }
    if (source == null) {
      throw new IllegalStateException("begin comes before the first hidden row");
    }
    int from = Math.max(firstToken, before);
    requireNext("hidden rows", from, end - from, before);
    long to = (long) (from - hiddenFirst) * hiddenRowBytes;
    long at = (row + from - firstToken) * hiddenRowBytes;
    MemorySegment.copy(rows, at, hiddenRows, to, (long) (end - from) * hiddenRowBytes);
    hiddenReady = end;
    wake.run();
  }

  private boolean isAllReady() {
    for (int i = 0; i < ready.length(); i++) {
      if (ready.getPlain(i) < endToken) {
        return false;
      }
    }
    return hiddenReady == endToken;
  }

  private void requireNext(String what, int firstToken, int tokens, int expected) {
    if (tokens < 0 || firstToken > expected || firstToken + tokens > endToken) {
      throw new IllegalArgumentException(
          what
              + " of tokens ["
              + firstToken
              + ", "
              + (firstToken + tokens)
              + ") does not follow token "
              + expected);
    }
  }

  @Override
  public void done(long startNs, long endNs) {
    if (over) {
      return;
    }
    if (!isAllReady()) {
      throw new IllegalStateException(
          "done comes after the last slice of every layer and the last hidden row");
    }
    computeStartNs = startNs;
    computeEndNs = endNs;
    done = true;
    wake.run();
  }

  @Override
  public void fail(String reason) {
    failure = reason;
    wake.run();
  }

  @Override
  public boolean isOver() {
    return over;
  }

  // The stream thread's side.

  PrefillOrder order() {
    return order;
  }

  /** Why the order cannot be finished, or null. */
  @Nullable String failure() {
    return failure;
  }

  /** Nobody wants the rest. */
  void end() {
    over = true;
  }

  /** The receiver takes up to this many payload bytes in all. */
  void credit(long limitBytes) {
    creditLimit = Math.max(creditLimit, limitBytes);
  }

  /**
   * True when something has waited for the wire, for credit or for the receipt for longer than
   * {@code limitNs}.
   */
  boolean isStuck(long nowNs, long limitNs) {
    return nowNs - progressNs > limitNs;
  }

  /**
   * Sends what is ready, up to about {@code quantumBytes}, and returns how many bytes that were.
   *
   * @throws RuntimeException what the source throws
   */
  int pump(KvStream out, int quantumBytes, long nowNs) {
    int pumped = 0;
    int bytes = 0;
    while (pumped < quantumBytes) {
      bytes = sendNext(out);
      if (bytes <= 0) {
        break;
      }
      pumped += bytes;
    }
    boolean waits = bytes < 0 || doneSent;
    if (pumped > 0 || !waits) {
      progressNs = nowNs;
    }
    return pumped;
  }

  /** Sends one message; returns its bytes, 0 when nothing is ready, -1 when it must wait. */
  private int sendNext(KvStream out) {
    if (hiddenReady > hiddenSent) {
      return sendHidden(out);
    }
    if (digestDue >= 0) {
      return sendLayerDigest(out);
    }
    if (pickLayer()) {
      return sendSlice(out);
    }
    // done implies that all was ready, and above nothing ready was left unsent.
    if (!done || doneSent) {
      return 0;
    }
    int rows = endToken - hiddenFirst;
    doneSent = out.sendDone(order.sessionId(), computeStartNs, computeEndNs, rows, hiddenDigest);
    return doneSent ? MESSAGE_BYTES : -1;
  }

  private int sendHidden(KvStream out) {
    int rows = Math.min(hiddenReady - hiddenSent, out.rowsPerMessage(hiddenRowBytes));
    rows = (int) Math.min(rows, (creditLimit - sentBytes) / hiddenRowBytes);
    long offset = (long) (hiddenSent - hiddenFirst) * hiddenRowBytes;
    if (rows < 1 || !out.sendHidden(order, hiddenSent, rows, hiddenRows, offset, hiddenRowBytes)) {
      return -1;
    }
    hiddenDigest += out.lastDigest();
    hiddenSent += rows;
    sentBytes += (long) rows * hiddenRowBytes;
    return MESSAGE_BYTES + rows * hiddenRowBytes;
  }

  private int sendSlice(KvStream out) {
    int first = sent[layer];
    int tokens = Math.min(layerTarget - first, out.tokensPerSlice(tokenBytes));
    tokens = (int) Math.min(tokens, (creditLimit - sentBytes) / tokenBytes);
    KvSource from = source;
    if (tokens < 1
        || from == null
        || !out.sendSlice(order.sessionId(), layer, first, tokens, from, tokens * tokenBytes)) {
      return -1;
    }
    digest[layer] += out.lastDigest();
    sent[layer] = first + tokens;
    sentBytes += (long) tokens * tokenBytes;
    if (sent[layer] == endToken) {
      digestDue = layer;
    }
    return MESSAGE_BYTES + tokens * tokenBytes;
  }

  private int sendLayerDigest(KvStream out) {
    int tokens = endToken - order.firstToken();
    if (!out.sendLayerDigest(order.sessionId(), digestDue, tokens, digest[digestDue])) {
      return -1;
    }
    digestDue = -1;
    return MESSAGE_BYTES;
  }

  /**
   * Chooses the layer whose next token is the earliest, and stays with it as far as it was ready
   * then.
   */
  private boolean pickLayer() {
    if (layer >= 0 && sent[layer] < layerTarget) {
      return true;
    }
    layer = -1;
    int earliest = Integer.MAX_VALUE;
    for (int i = 0; i < sent.length; i++) {
      if (sent[i] < earliest) {
        int until = ready.getAcquire(i);
        if (until > sent[i]) {
          earliest = sent[i];
          layer = i;
          layerTarget = until;
        }
      }
    }
    return layer >= 0;
  }
}
