package dev.baton.kvstream;

import dev.baton.kvstream.codec.SliceRequestDecoder;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * One order at the prefill node. The compute thread says how far each layer is ({@link KvSender});
 * the stream thread follows ({@link #pump}), the earliest tokens first and hidden rows before KV,
 * because the decode node waits for them. As a layer's tokens are handed over in order, how far it
 * is, is one number: nothing is queued, neighbours that wait travel together, and a resumed session
 * only sets back what was sent.
 */
final class SendSession implements KvSender {
  private static final int MESSAGE_BYTES = 64;

  private final PrefillOrder order;
  private final int endToken;
  private final int tokenBytes;
  private final int hiddenRowBytes;
  private final int hiddenFirst;
  private final NanoClock clock;
  private final Runnable wake;

  /** Compute thread to stream thread; a time is written before the number it belongs to. */
  private final AtomicIntegerArray ready;

  private final long[] readyNs;
  private long hiddenReadyNs;
  private volatile int hiddenReady;
  private volatile boolean done;
  private volatile @Nullable String failure;
  private @Nullable KvSource source;
  private MemorySegment hiddenRows = MemorySegment.NULL;
  private long computeStartNs;
  private long computeEndNs;

  /** Stream thread to compute thread. */
  private volatile boolean over;

  /** Stream thread's own: tokens [firstToken, sent) of a layer have left, but for the gaps. */
  private final int[] sent;

  /** Tokens before this one are in the layer's digest. */
  private final int[] digested;

  private final long[] digest;
  private final boolean[] digestSent;

  /** Rows before {@code sent} that have to leave once more: layer, first token, end token, ... */
  private final IntArrayList gaps = new IntArrayList();

  private final SliceHeader header = new SliceHeader();
  private int layer = -1;
  private int layerTarget;
  private int digestsDue;
  private int hiddenSent;
  private int hiddenDigested;
  private long hiddenDigest;
  private boolean doneSent;
  private boolean paused;
  private boolean rests;
  private long sentBytes;
  private long creditLimit;
  private long unsentBytes;
  private long servedNs;
  private long waitsSinceNs;
  private boolean waits;

  SendSession(
      PrefillOrder order, NodeIdentity node, long creditBytes, NanoClock clock, Runnable wake) {
    this.order = order;
    this.endToken = order.tokens().length;
    this.tokenBytes = order.wireType().tokenBytes(node.geometry());
    this.hiddenRowBytes = node.hiddenDim() * Float.BYTES;
    this.hiddenFirst =
        order.boundaryLayer() < node.geometry().layers() ? order.firstToken() : endToken - 1;
    this.clock = clock;
    this.wake = wake;
    int layers = order.boundaryLayer();
    int[] start = new int[layers];
    Arrays.fill(start, order.firstToken());
    this.sent = start;
    this.digested = start.clone();
    this.ready = new AtomicIntegerArray(start);
    this.readyNs = new long[layers];
    this.digest = new long[layers];
    this.digestSent = new boolean[layers];
    this.hiddenReady = hiddenFirst;
    this.hiddenSent = hiddenFirst;
    this.hiddenDigested = hiddenFirst;
    this.header.sessionId = order.sessionId();
    this.creditLimit = creditBytes;
    this.unsentBytes =
        (long) layers * (endToken - order.firstToken()) * tokenBytes
            + (long) (endToken - hiddenFirst) * hiddenRowBytes;
    this.servedNs = clock.nanoTime();
  }

  // The compute thread's side.

  @Override
  public void begin(KvSource kv) {
    // On the heap: memory outside of it would be given back only when the heap, which hardly grows
    // here, happens to be collected.
    int values = Math.multiplyExact(endToken - hiddenFirst, hiddenRowBytes / Float.BYTES);
    hiddenRows = MemorySegment.ofArray(new float[values]);
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
    readyNs[ofLayer] = clock.nanoTime();
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
    hiddenReadyNs = clock.nanoTime();
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

  /**
   * The receiver takes up to this many payload bytes in all; a higher limit says that some came.
   */
  void credit(long limitBytes, long nowNs) {
    if (limitBytes > creditLimit) {
      creditLimit = limitBytes;
      waitsSinceNs = nowNs;
    }
  }

  /** Payload that has not left yet, computed or not. */
  long unsentBytes() {
    return unsentBytes;
  }

  /** The stream thread's next turn: whatever stopped it in the last one may be gone. */
  void newTurn() {
    rests = paused || failure != null;
  }

  /** False when it has nothing to send, or cannot, for the rest of the turn. */
  boolean mayPump() {
    return !rests;
  }

  /** When it last sent something. */
  long servedNs() {
    return servedNs;
  }

  /**
   * True when something has waited for the wire, for credit or for the receipt for longer than
   * {@code limitNs}.
   */
  boolean isStuck(long nowNs, long limitNs) {
    return waits && nowNs - waitsSinceNs > limitNs;
  }

  /** True when nothing but the stream itself can keep it waiting: neither credit nor a request. */
  boolean waitsForTheStream() {
    return !paused && creditLimit - sentBytes >= Math.max(tokenBytes, hiddenRowBytes);
  }

  /** True while the receiver is still to say what is missing. */
  boolean isPaused() {
    return paused;
  }

  /** The connection broke: nothing leaves until {@link #resume} says what is missing. */
  void pause(long nowNs) {
    paused = true;
    waits(nowNs);
  }

  /**
   * Goes on with what the receiver says that it lacks.
   *
   * @throws MalformedMessage when it lacks what was not ordered
   */
  void resume(SliceRequestDecoder request) {
    long received = request.receivedBytes();
    creditLimit = request.creditBytes();
    int[] next = new int[sent.length];
    Arrays.fill(next, endToken);
    int hiddenNext = endToken;
    gaps.clear();
    unsentBytes = 0;
    for (SliceRequestDecoder.MissingDecoder missing : request.missing()) {
      int of = missing.layer();
      int first = missing.firstToken();
      int end = first + missing.tokens();
      boolean ofHidden = of == sent.length;
      if (of < 0
          || of > sent.length
          || missing.tokens() < 1
          || end < first
          || end > endToken
          || first < (ofHidden ? hiddenFirst : order.firstToken())) {
        throw new MalformedMessage(
            "a request for rows that were not ordered: layer "
                + of
                + ", tokens ["
                + first
                + ", "
                + end
                + ")");
      }
      unsentBytes += (long) (end - first) * (ofHidden ? hiddenRowBytes : tokenBytes);
      if (end < endToken) {
        gaps.addInt(of);
        gaps.addInt(first);
        gaps.addInt(Math.min(end, ofHidden ? hiddenSent : sent[of]));
      } else if (ofHidden) {
        hiddenNext = first;
      } else {
        next[of] = first;
      }
    }
    for (int i = 0; i < sent.length; i++) {
      sent[i] = Math.min(sent[i], next[i]);
    }
    hiddenSent = Math.min(hiddenSent, hiddenNext);
    Arrays.fill(digestSent, false);
    digestsDue = 0;
    for (int end : sent) {
      digestsDue += end == endToken ? 1 : 0;
    }
    layer = -1;
    doneSent = false;
    sentBytes = received;
    paused = false;
    waits = false;
  }

  /**
   * Sends what is ready, up to about {@code quantumBytes}, and returns how many bytes that were.
   *
   * @throws RuntimeException what the source throws
   */
  int pump(KvStream out, int quantumBytes, long nowNs) {
    int pumped = 0;
    int bytes = 0;
    while (pumped < quantumBytes && !paused) {
      bytes = sendNext(out);
      if (bytes <= 0) {
        break;
      }
      pumped += bytes;
    }
    if (pumped > 0) {
      servedNs = nowNs;
      waits = false;
    }
    rests = bytes <= 0;
    if (bytes < 0 || doneSent) {
      waits(nowNs);
    } else if (!paused) {
      waits = false;
    }
    return pumped;
  }

  private void waits(long nowNs) {
    if (!waits) {
      waits = true;
      waitsSinceNs = nowNs;
    }
  }

  /** Sends one message; returns its bytes, 0 when nothing is ready, -1 when it must wait. */
  private int sendNext(KvStream out) {
    if (!gaps.isEmpty()) {
      return sendGap(out);
    }
    if (hiddenReady > hiddenSent) {
      return sendHidden(out);
    }
    if (digestsDue > 0) {
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

  private int sendGap(KvStream out) {
    int last = gaps.size() - 3;
    int of = gaps.getInt(last);
    int first = gaps.getInt(last + 1);
    int end = gaps.getInt(last + 2);
    boolean ofHidden = of == sent.length;
    int rowBytes = ofHidden ? hiddenRowBytes : tokenBytes;
    int rows = Math.min(end - first, affordable(rowBytes));
    int sentRows =
        rows < 1 ? 0 : ofHidden ? hiddenRows(out, first, rows) : slice(out, of, first, rows);
    if (sentRows == 0 && first < end) {
      return -1;
    }
    gaps.setInt(last + 1, first + sentRows);
    if (first + sentRows >= end) {
      gaps.removeAt(last + 2);
      gaps.removeAt(last + 1);
      gaps.removeAt(last);
    }
    return MESSAGE_BYTES + sentRows * rowBytes;
  }

  private int affordable(int rowBytes) {
    return (int) Math.min(Integer.MAX_VALUE, (creditLimit - sentBytes) / rowBytes);
  }

  private int sendHidden(KvStream out) {
    int rows = Math.min(hiddenReady - hiddenSent, affordable(hiddenRowBytes));
    if (hiddenSent < hiddenDigested) {
      rows = Math.min(rows, hiddenDigested - hiddenSent);
    }
    int sentRows = rows < 1 ? 0 : hiddenRows(out, hiddenSent, rows);
    if (sentRows == 0) {
      return -1;
    }
    if (hiddenSent == hiddenDigested) {
      hiddenDigest += out.lastDigest();
      hiddenDigested += sentRows;
    }
    hiddenSent += sentRows;
    return MESSAGE_BYTES + sentRows * hiddenRowBytes;
  }

  /**
   * Sends up to {@code limit} hidden rows in one message; returns how many, 0 when it must wait.
   */
  private int hiddenRows(KvStream out, int first, int limit) {
    int rows = Math.min(limit, out.rowsPerMessage(hiddenRowBytes));
    header.layer = order.boundaryLayer();
    header.firstToken = first;
    header.tokens = rows;
    header.readyNs = hiddenReadyNs;
    header.sentNs = clock.nanoTime();
    long offset = (long) (first - hiddenFirst) * hiddenRowBytes;
    if (!out.sendHidden(header, hiddenRows, offset, hiddenRowBytes)) {
      return 0;
    }
    spent((long) rows * hiddenRowBytes);
    return rows;
  }

  private int sendSlice(KvStream out) {
    int first = sent[layer];
    int tokens = Math.min(layerTarget - first, affordable(tokenBytes));
    if (first < digested[layer]) {
      tokens = Math.min(tokens, digested[layer] - first);
    }
    int sentTokens = tokens < 1 ? 0 : slice(out, layer, first, tokens);
    if (sentTokens == 0) {
      return -1;
    }
    if (first == digested[layer]) {
      digest[layer] += out.lastDigest();
      digested[layer] += sentTokens;
    }
    sent[layer] = first + sentTokens;
    if (sent[layer] == endToken) {
      digestsDue++;
    }
    return MESSAGE_BYTES + sentTokens * tokenBytes;
  }

  /**
   * Sends up to {@code limit} tokens of a layer in one message; returns how many, 0 when it must
   * wait.
   */
  private int slice(KvStream out, int of, int first, int limit) {
    int tokens = Math.min(limit, out.tokensPerSlice(tokenBytes));
    header.layer = of;
    header.firstToken = first;
    header.tokens = tokens;
    header.readyNs = readyNs[of];
    header.sentNs = clock.nanoTime();
    KvSource from = source;
    if (from == null || !out.sendSlice(header, from, tokens * tokenBytes)) {
      return 0;
    }
    spent((long) tokens * tokenBytes);
    return tokens;
  }

  private void spent(long bytes) {
    sentBytes += bytes;
    unsentBytes -= bytes;
  }

  private int sendLayerDigest(KvStream out) {
    int due = 0;
    while (sent[due] < endToken || digestSent[due]) {
      due++;
    }
    int tokens = endToken - order.firstToken();
    if (!out.sendLayerDigest(order.sessionId(), due, tokens, digest[due])) {
      return -1;
    }
    digestSent[due] = true;
    digestsDue--;
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
