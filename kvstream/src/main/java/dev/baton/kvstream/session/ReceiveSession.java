package dev.baton.kvstream.session;

import dev.baton.arch.StateTable;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.agrona.collections.IntArrayList;
import org.jspecify.annotations.Nullable;

/**
 * One order at the node that gave it. The {@code on...} methods take messages as they came from the
 * peer: every field is checked against the order before memory is touched, states ({@link
 * IncomingStates}) and boundary rows ({@link IncomingRows}) that are there already are never
 * written again, and what does not fit ends the session with its reason. Written by the stream
 * thread, read by any other.
 */
public final class ReceiveSession implements KvReceiver {
  /** A sender whose rows arrive spoiled more often than this is not worth another request. */
  private static final int MAX_SPOILED = 64;

  private final PrefillOrder order;
  private final StateSlots slots;
  private final IncomingStates states;
  private final IncomingRows rows;
  private final String peer;
  private final Consumer<ReceiveSession> closer;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Arena arena = Arena.ofShared();
  private final TransferMeter meter = new TransferMeter();
  private final long creditWindow;
  private long creditLimit;
  private boolean doneArrived;
  private boolean requestDue;
  private int spoiled;
  private int requests;
  private long computeStartNs;
  private long computeEndNs;
  private long clockErrorNs;

  private volatile State state = State.ORDERED;
  private volatile @Nullable String failure;
  private volatile boolean detached;
  private volatile @Nullable TransferTrace trace;

  /**
   * A session that waits for what was ordered.
   *
   * @param table the shapes of what will arrive
   * @param peer who sends it, as failures name it
   * @param closer ends the session on the stream thread and returns when that is done
   */
  public ReceiveSession(
      PrefillOrder order,
      KvSink sink,
      StateTable table,
      Windows windows,
      String peer,
      Consumer<ReceiveSession> closer) {
    this.order = order;
    this.peer = peer;
    this.closer = closer;
    this.slots = new StateSlots(order, table);
    this.states = new IncomingStates(order, slots, sink);
    this.rows = new IncomingRows(order, table, windows.rowsBytes, arena);
    int largestBytes = Math.max(slots.largestUnit(), rows.rowBytes());
    this.creditWindow = Math.max(windows.creditBytes, 4L * largestBytes);
    this.creditLimit = creditWindow;
  }

  /**
   * What may be on its way or wait here.
   *
   * @param creditBytes payload
   * @param rowsBytes boundary rows, about
   */
  public record Windows(long creditBytes, long rowsBytes) {}

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
    return states.isLayerWhole(layer);
  }

  @Override
  public int coveredTokens() {
    return states.coveredTokens();
  }

  @Override
  public int fixedPosition(int layer) {
    return states.fixedPosition(layer);
  }

  @Override
  public int hiddenTokens() {
    return rows.tokens();
  }

  @Override
  public void copyHidden(int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    rows.copy(firstToken, tokens, dst, dstOffset);
  }

  @Override
  public void hiddenTaken(int token) {
    rows.release(token);
  }

  @Override
  public long receivedBytes() {
    return meter.receivedBytes();
  }

  @Override
  public long orderedBytes() {
    return slots.totalBytes() + (long) rows.count() * rows.rowBytes();
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

  /** What was ordered. */
  public PrefillOrder order() {
    return order;
  }

  /** Whether it is whole or has failed. */
  public boolean isFinal() {
    return state == State.WHOLE || state == State.FAILED;
  }

  /** Keeps what arrives when. Before the order is sent. */
  public void keepTrace() {
    trace = new TransferTrace();
  }

  /** The order is on its way. */
  public void ordered(long nowNs) {
    meter.ordered(nowNs);
  }

  /** No message reaches this session any more. */
  public void detach() {
    detached = true;
  }

  /** Ends it because what came is not right, or cannot be kept. */
  public void fail(String reason) {
    fail(reason, TransferFault.WRONG);
  }

  /**
   * Ends it unless it has ended.
   *
   * @param fault null where the owner wants no more
   */
  public void fail(String reason, @Nullable TransferFault fault) {
    if (!isFinal()) {
      if (fault != null) {
        meter.failed(fault);
      }
      failure = reason;
      state = State.FAILED;
    }
  }

  /** The connection to the sender was made anew. */
  public void resumed() {
    meter.resumed(states.coveredBytes() + rows.coveredBytes());
  }

  /** True once after the sender said that it was done and rows are missing all the same. */
  public boolean takeRequestDue() {
    boolean due = requestDue;
    requestDue = false;
    return due;
  }

  /**
   * Every range that is not there: layer, state, position, first unit, units; boundary rows behind
   * the others. Of a fixed state its position is always told, with no units where it is whole
   * there.
   */
  public IntArrayList missing() {
    IntArrayList ranges = new IntArrayList();
    states.addMissing(ranges);
    rows.addMissing(ranges);
    return ranges;
  }

  /** A whole window from here on. */
  public long renewCredit() {
    creditLimit = meter.totalBytes() + creditWindow;
    rows.renewLimit();
    return creditLimit;
  }

  /** What the sender may send in all before it hears more. */
  public long creditLimit() {
    return creditLimit;
  }

  /** Boundary rows of tokens before this one may be sent. */
  public int rowsLimit() {
    return rows.limit();
  }

  /** Boundary rows of tokens before this one are there. */
  public int rowsTaken() {
    return rows.prefix();
  }

  /**
   * A higher limit that is worth telling the sender, or -1.
   *
   * @param anyWorth whatever came since the last time: over a slow link the sender learns from it
   *     that its bytes arrive
   */
  public long creditDue(boolean anyWorth) {
    long limit = meter.totalBytes() + creditWindow;
    boolean isDue = limit - creditLimit > (anyWorth ? 0 : creditWindow / 4);
    return isDue || rows.isLimitDue(anyWorth) ? limit : -1;
  }

  /** The boundary rows' limit that goes with a new credit. */
  public int nextRowsLimit() {
    return rows.nextLimit();
  }

  /** The sender was told these limits. */
  public void credited(long limitBytes, int limitRows) {
    creditLimit = limitBytes;
    rows.limit(limitRows);
  }

  /** A KvSlice; its payload stands at an absolute address. */
  void onSlice(SliceHeader what, long sliceDigest, long address, int payloadBytes, long nowNs) {
    if (isFinal()) {
      return;
    }
    int index = states.ordered(what);
    if (index < 0) {
      fail(
          peer
              + " sent KV that was not ordered: layer "
              + what.layer
              + ", state "
              + what.state
              + ", "
              + what.count
              + " from "
              + what.first
              + " at "
              + what.position);
    } else if (payloadBytes != slots.get(index).payloadBytes(what.first, what.count)) {
      fail(
          peer
              + " sent a slice of "
              + payloadBytes
              + " bytes for "
              + what.count
              + " tokens of "
              + slots.get(index).unitBytes());
    } else if (isWithinCredit(payloadBytes)) {
      meter.kv(nowNs, payloadBytes);
      if (!slots.get(index).isFixed()) {
        take(index, what, sliceDigest, address);
      } else if (states.isNewest(index, what.position)) {
        takePieces(index, what, sliceDigest, address);
      }
    }
  }

  private void take(int index, SliceHeader what, long sliceDigest, long address) {
    boolean right;
    try {
      right = states.store(index, what, sliceDigest, address);
    } catch (Exception e) {
      fail("the KV that arrived could not be stored: " + e);
      return;
    }
    if (!right) {
      drop("slices");
      return;
    }
    // The sink itself may have closed the receiver.
    if (!isFinal() && states.mark(index, what, sliceDigest)) {
      state = State.STREAMING;
      check(index);
    }
  }

  private void takePieces(int index, SliceHeader what, long sliceDigest, long address) {
    boolean right;
    try {
      right = states.storePieces(index, what, sliceDigest, address);
    } catch (Exception e) {
      fail("the state that arrived could not be stored: " + e);
      return;
    }
    if (!right) {
      drop("slices");
    } else if (!isFinal()) {
      state = State.STREAMING;
      check(index);
    }
  }

  /** What was spoiled on the way is asked for again once the sender thinks that it is done. */
  private void drop(String what) {
    meter.spoiled();
    if (++spoiled > MAX_SPOILED) {
      fail(peer + " sent " + what + " with a wrong digest " + spoiled + " times");
    }
  }

  /** A LayerDigest. */
  void onLayerDigest(int layer, int ofState, int at, int count, long layerDigest) {
    if (isFinal()) {
      return;
    }
    int index = states.ordered(layer, ofState, at, count);
    if (index < 0) {
      fail(peer + " sent a digest that was not ordered: layer " + layer + ", " + count + " tokens");
    } else if (states.isNewest(index, at)) {
      if (states.promise(index, layerDigest)) {
        check(index);
      } else {
        fail(peer + " sent two digests for layer " + layer);
      }
    }
  }

  private void check(int index) {
    if (states.check(index)) {
      checkWhole();
    } else {
      int layer = slots.get(index).layer();
      fail("the KV of layer " + layer + " differs from what " + peer + " computed");
    }
  }

  /** HiddenRows; the payload stands at an absolute address. */
  void onHidden(
      int first, int tokens, long rowsDigest, long address, int payloadBytes, long nowNs) {
    if (isFinal()) {
      return;
    }
    int rowBytes = rows.rowBytes();
    if (!rows.isOrdered(first, tokens)) {
      fail(peer + " sent hidden rows that were not ordered: " + tokens + " from " + first);
    } else if (payloadBytes != (long) tokens * rowBytes) {
      fail(peer + " sent " + payloadBytes + " bytes for " + tokens + " hidden rows of " + rowBytes);
    } else if (first + tokens > rows.limit()) {
      fail(peer + " sent hidden rows beyond its limit of token " + rows.limit());
    } else if (isWithinCredit(payloadBytes)) {
      meter.hidden(nowNs, payloadBytes);
      if (rows.isRight(first, tokens, rowsDigest, address)) {
        rows.take(first, tokens, rowsDigest, address);
        state = State.STREAMING;
        rows.publish();
        checkWhole();
      } else {
        drop("hidden rows");
      }
    }
  }

  /** PrefillDone; the moments are on our clock already. */
  void onDone(long startNs, long endNs, long errorNs, int rowCount, long rowsDigest) {
    if (isFinal()) {
      return;
    }
    if (rowCount != rows.count()) {
      fail(
          peer
              + " says it sent "
              + rowCount
              + " hidden rows where "
              + rows.count()
              + " were ordered");
      return;
    }
    doneArrived = true;
    rows.promise(rowsDigest);
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
    if (isFinal() || !doneArrived || !states.isWhole() || !rows.isFull()) {
      return;
    }
    if (!rows.isAsPromised()) {
      fail("the hidden rows differ from what " + peer + " computed");
      return;
    }
    meter.complete(computeStartNs, computeEndNs, clockErrorNs);
    states.coverAll();
    state = State.WHOLE;
  }

  private boolean isWithinCredit(int payloadBytes) {
    if (meter.totalBytes() + payloadBytes > creditLimit) {
      fail(peer + " sent more than it was credited: " + creditLimit + " bytes");
      return false;
    }
    return true;
  }
}
