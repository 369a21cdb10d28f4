package dev.baton.kvstream.session;

import dev.baton.arch.StateTable;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import org.agrona.collections.IntArrayList;
import org.jspecify.annotations.Nullable;

/**
 * One order at the node that gave it. The {@code on...} methods take messages as they came from the
 * peer: every field is checked against the order before memory is touched, rows that are there
 * already are never written again, and what does not fit ends the session with its reason. Written
 * by the stream thread, read by any other.
 */
public final class ReceiveSession implements KvReceiver {
  /** Ranges that one state's part of a request has at most. */
  private static final int MAX_RANGES = 4;

  /** A sender whose rows arrive spoiled more often than this is not worth another request. */
  private static final int MAX_SPOILED = 64;

  private final PrefillOrder order;
  private final int endToken;
  private final StateSlots slots;
  private final int rowBytes;
  private final int hiddenFirst;
  private final KvSink sink;
  private final String peer;
  private final Consumer<ReceiveSession> closer;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Arena arena = Arena.ofShared();
  private final RowWindow rows;
  private final MemorySegment oneUnit;

  private final Coverage kv;
  private final Coverage hidden;
  private final long[] digest;
  private final long[] promisedDigest;
  private final boolean[] promised;
  private final boolean[] slotWhole;
  private final int[] position; // of a fixed state: the newest one heard of, or -1
  private final AtomicIntegerArray fixedAt; // of a fixed state: where it is whole, or -1
  private final AtomicIntegerArray missingSlots; // by layer
  private final boolean anywhere; // whether it can be gone on from before the prompt's end
  private final boolean hasFixed;
  private final TransferMeter meter = new TransferMeter();
  private final long creditWindow;
  private long creditLimit;
  private int rowsLimit;
  private int wholeSlots;
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
  private volatile int takenTokens;
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
    this.sink = sink;
    this.peer = peer;
    this.closer = closer;
    this.endToken = order.tokens().length;
    this.slots = new StateSlots(order, table);
    this.rowBytes = Math.max(1, table.boundaryBytes(order.stage().toLayer()));
    this.hiddenFirst = order.firstRow();
    int chunk = order.chunks().largestTokens();
    int capacity = RowWindow.capacity(endToken - hiddenFirst, chunk, rowBytes, windows.rowsBytes);
    this.rows =
        new RowWindow(
            hiddenFirst, capacity, rowBytes, arena.allocate((long) capacity * rowBytes, 64));
    this.oneUnit = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(slots.largestUnit()));
    this.kv = new Coverage(slots.firsts(), slots.ends());
    this.hidden = new Coverage(new int[] {hiddenFirst}, new int[] {endToken});
    int count = slots.count();
    this.digest = new long[count];
    this.promisedDigest = new long[count];
    this.promised = new boolean[count];
    this.slotWhole = new boolean[count];
    this.position = new int[count];
    this.fixedAt = new AtomicIntegerArray(count);
    this.missingSlots = new AtomicIntegerArray(order.stage().layers());
    boolean between = true;
    boolean fixed = false;
    for (int i = 0; i < count; i++) {
      StateSlots.Slot slot = slots.get(i);
      position[i] = -1;
      fixedAt.setPlain(i, -1);
      between &= !slot.cut();
      fixed |= slot.isFixed();
      missingSlots.incrementAndGet(slot.layer() - order.stage().fromLayer());
    }
    this.anywhere = between;
    this.hasFixed = fixed;
    this.creditWindow = Math.max(windows.creditBytes, 4L * Math.max(slots.largestUnit(), rowBytes));
    this.creditLimit = creditWindow;
    this.rowsLimit = Math.min(endToken, hiddenFirst + capacity);
    this.coveredTokens = order.firstToken();
    this.hiddenTokens = order.firstToken();
    this.takenTokens = hiddenFirst;
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
    return missingSlots.getAcquire(layer - order.stage().fromLayer()) == 0;
  }

  @Override
  public int coveredTokens() {
    return coveredTokens;
  }

  @Override
  public int fixedPosition(int layer) {
    int at = -1;
    boolean any = false;
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (slots.get(i).isFixed()) {
        int whole = fixedAt.getAcquire(i);
        if (any && whole != at) {
          return -1;
        }
        any = true;
        at = whole;
      }
    }
    return at;
  }

  @Override
  public int hiddenTokens() {
    return hiddenTokens;
  }

  @Override
  public void copyHidden(int firstToken, int tokens, MemorySegment dst, long dstOffset) {
    if (firstToken < takenTokens || tokens < 0 || firstToken + tokens > hiddenTokens) {
      throw new IllegalArgumentException(
          "boundary rows of tokens ["
              + firstToken
              + ", "
              + (firstToken + tokens)
              + ") where ["
              + takenTokens
              + ", "
              + hiddenTokens
              + ") are there");
    }
    rows.get(firstToken, tokens, dst, dstOffset);
  }

  @Override
  public void hiddenTaken(int token) {
    takenTokens = Math.clamp(token, takenTokens, endToken);
  }

  @Override
  public long receivedBytes() {
    return meter.receivedBytes();
  }

  @Override
  public long orderedBytes() {
    return slots.totalBytes() + (long) (endToken - hiddenFirst) * rowBytes;
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

  public PrefillOrder order() {
    return order;
  }

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
    long saved = 0;
    for (int i = 0; i < slots.count(); i++) {
      saved += (long) kv.covered(i) * slots.get(i).unitBytes();
    }
    meter.resumed(saved + (long) hidden.covered(0) * rowBytes);
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
    for (int i = 0; i < slots.count(); i++) {
      StateSlots.Slot slot = slots.get(i);
      int at = Math.max(0, position[i]);
      int before = ranges.size();
      addMissing(ranges, slot.layer(), slot.state(), at, kv, i, slot.first(), slot.end());
      if (slot.isFixed() && ranges.size() == before) {
        add(ranges, slot.layer(), slot.state(), at, 0, 0);
      }
    }
    int toLayer = order.stage().toLayer();
    addMissing(ranges, toLayer, StateSlots.ROWS, 0, hidden, 0, hiddenFirst, endToken);
    return ranges;
  }

  private static void addMissing(
      IntArrayList ranges, int layer, int state, int at, Coverage of, int slot, int from, int end) {
    int first = of.firstMissing(slot, from);
    for (int i = 1; first < end; i++) {
      // Few ranges, so that the request fits any control stream: the last one may repeat a little.
      int until = i < MAX_RANGES ? of.firstPresent(slot, first) : end;
      add(ranges, layer, state, at, first, until - first);
      first = until < end ? of.firstMissing(slot, until) : end;
    }
  }

  private static void add(IntArrayList ranges, int layer, int state, int at, int first, int count) {
    ranges.addInt(layer);
    ranges.addInt(state);
    ranges.addInt(at);
    ranges.addInt(first);
    ranges.addInt(count);
  }

  /** A whole window from here on. */
  public long renewCredit() {
    creditLimit = meter.totalBytes() + creditWindow;
    rowsLimit = rowsLimitNow();
    return creditLimit;
  }

  /** What the sender may send in all before it hears more. */
  public long creditLimit() {
    return creditLimit;
  }

  /** Boundary rows of tokens before this one may be sent. */
  public int rowsLimit() {
    return rowsLimit;
  }

  /** Boundary rows of tokens before this one are there. */
  public int rowsTaken() {
    return hidden.prefix(0);
  }

  private int rowsLimitNow() {
    return Math.min(endToken, takenTokens + rows.capacity());
  }

  /**
   * A higher limit that is worth telling the sender, or -1.
   *
   * @param anyWorth whatever came since the last time: over a slow link the sender learns from it
   *     that its bytes arrive
   */
  public long creditDue(boolean anyWorth) {
    long limit = meter.totalBytes() + creditWindow;
    int moreRows = rowsLimitNow() - rowsLimit;
    boolean rowsDue = moreRows > 0 && (anyWorth || moreRows >= rows.capacity() / 8);
    return rowsDue || limit - creditLimit > (anyWorth ? 0 : creditWindow / 4) ? limit : -1;
  }

  /** The boundary rows' limit that goes with a new credit. */
  public int nextRowsLimit() {
    return Math.max(rowsLimit, rowsLimitNow());
  }

  /** The sender was told these limits. */
  public void credited(long limitBytes, int limitRows) {
    creditLimit = limitBytes;
    rowsLimit = limitRows;
  }

  /** A KvSlice; its payload stands at an absolute address. */
  void onSlice(SliceHeader what, long sliceDigest, long address, int payloadBytes, long nowNs) {
    if (isFinal()) {
      return;
    }
    int index = slots.find(what.layer, what.state);
    StateSlots.Slot slot = index < 0 ? null : slots.get(index);
    if (slot == null || !isInside(slot, what)) {
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
    } else if (payloadBytes != slot.payloadBytes(what.first, what.count)) {
      fail(
          peer
              + " sent a slice of "
              + payloadBytes
              + " bytes for "
              + what.count
              + " tokens of "
              + slot.unitBytes());
    } else if (isWithinCredit(payloadBytes)) {
      meter.kv(nowNs, payloadBytes);
      if (!slot.isFixed()) {
        take(index, slot, what, sliceDigest, address);
      } else if (isNewest(index, what.position)) {
        takeFixed(index, slot, what, sliceDigest, address);
      }
    }
  }

  private boolean isInside(StateSlots.Slot slot, SliceHeader what) {
    return isInside(what.first, what.count, slot.first(), slot.end())
        && (slot.isFixed() ? isPosition(what.position) : what.position == 0);
  }

  private boolean isPosition(int at) {
    return at > order.firstToken() && at <= endToken;
  }

  /** False for what a later position has replaced; a later one than before begins anew. */
  private boolean isNewest(int index, int at) {
    if (at > position[index]) {
      position[index] = at;
      fixedAt.setRelease(index, -1);
      kv.clear(index);
      digest[index] = 0;
      promised[index] = false;
      coveredTokens = order.firstToken();
    }
    return at == position[index];
  }

  /** What was spoiled on the way is asked for again once the sender thinks that it is done. */
  private void drop(String what) {
    meter.spoiled();
    if (++spoiled > MAX_SPOILED) {
      fail(peer + " sent " + what + " with a wrong digest " + spoiled + " times");
    }
  }

  private void take(
      int index, StateSlots.Slot slot, SliceHeader what, long sliceDigest, long address) {
    int first = what.first;
    int count = what.count;
    int known = kv.count(index, first, count);
    boolean right;
    try {
      if (known == 0) {
        right =
            sink.importSlice(
                slot.layer(), slot.state(), first, count, RawMemory.ALL, address, sliceDigest);
      } else {
        right = slot.digest(0, first, count, RawMemory.ALL, address) == sliceDigest;
        if (right && known < count) {
          takeMissing(index, slot, first, count, address);
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
    if (isFinal() || known == count) {
      return; // the sink itself may have closed the receiver
    }
    if (known == 0) {
      digest[index] += sliceDigest;
    }
    boolean wasLast = hasFixed || kv.prefix(index) == coveredTokens;
    kv.mark(index, first, count);
    state = State.STREAMING;
    if (anywhere && wasLast) {
      coveredTokens = goingOn();
    }
    checkSlot(index);
  }

  /**
   * Stores those units of an overlapping slice that are not there yet, one by one: the others may
   * be in use.
   */
  private void takeMissing(int index, StateSlots.Slot slot, int first, int count, long address) {
    int bytes = slot.bytes();
    int second = slot.secondBytes();
    long seconds = address + (long) count * bytes;
    for (int t = kv.firstMissing(index, first);
        t < first + count;
        t = kv.firstMissing(index, t + 1)) {
      long at = (long) t - first;
      MemorySegment.copy(RawMemory.ALL, address + at * bytes, oneUnit, 0, bytes);
      MemorySegment.copy(RawMemory.ALL, seconds + at * second, oneUnit, bytes, second);
      long unitDigest = slot.digest(0, t, 1, oneUnit, 0);
      if (!sink.importSlice(slot.layer(), slot.state(), t, 1, oneUnit, 0, unitDigest)) {
        throw new IllegalStateException("the KV of token " + t + " changed on its way");
      }
      digest[index] += unitDigest;
    }
  }

  private void takeFixed(
      int index, StateSlots.Slot slot, SliceHeader what, long sliceDigest, long address) {
    if (slot.digest(what.position, what.first, what.count, RawMemory.ALL, address) != sliceDigest) {
      drop("slices");
      return;
    }
    try {
      for (int piece = kv.firstMissing(index, what.first);
          piece < what.first + what.count;
          piece = kv.firstMissing(index, piece + 1)) {
        takePiece(index, slot, what, piece, address);
      }
    } catch (Exception e) {
      fail("the state that arrived could not be stored: " + e);
      return;
    }
    if (!isFinal()) {
      state = State.STREAMING;
      checkSlot(index);
    }
  }

  private void takePiece(
      int index, StateSlots.Slot slot, SliceHeader what, int piece, long address) {
    long at = address + (long) (piece - what.first) * StateSlots.PIECE_BYTES;
    sink.importFixed(
        slot.layer(),
        slot.state(),
        what.position,
        piece * StateSlots.PIECE_BYTES,
        (int) slot.payloadBytes(piece, 1),
        RawMemory.ALL,
        at);
    digest[index] += slot.digest(what.position, piece, 1, RawMemory.ALL, at);
    kv.mark(index, piece, 1);
  }

  /** A LayerDigest. */
  void onLayerDigest(int layer, int ofState, int at, int count, long layerDigest) {
    if (isFinal()) {
      return;
    }
    int index = slots.find(layer, ofState);
    StateSlots.Slot slot = index < 0 ? null : slots.get(index);
    if (slot == null || count != slot.units() || !(slot.isFixed() ? isPosition(at) : at == 0)) {
      fail(peer + " sent a digest that was not ordered: layer " + layer + ", " + count + " tokens");
      return;
    }
    if (slot.isFixed() && !isNewest(index, at)) {
      return;
    }
    if (promised[index] && promisedDigest[index] != layerDigest) {
      fail(peer + " sent two digests for layer " + layer);
    } else {
      promised[index] = true;
      promisedDigest[index] = layerDigest;
      checkSlot(index);
    }
  }

  private void checkSlot(int index) {
    if (!promised[index] || !kv.isFull(index) || slotWhole[index]) {
      return;
    }
    StateSlots.Slot slot = slots.get(index);
    if (digest[index] != promisedDigest[index]) {
      fail("the KV of layer " + slot.layer() + " differs from what " + peer + " computed");
      return;
    }
    if (slot.isFixed()) {
      fixedAt.setRelease(index, position[index]);
      coveredTokens = anywhere ? goingOn() : coveredTokens;
      if (position[index] < endToken) {
        return;
      }
    }
    slotWhole[index] = true;
    wholeSlots++;
    int layer = slot.layer() - order.stage().fromLayer();
    missingSlots.setRelease(layer, missingSlots.getPlain(layer) - 1);
    checkWhole();
  }

  /** HiddenRows; the payload stands at an absolute address. */
  void onHidden(
      int first, int tokens, long rowsDigest, long address, int payloadBytes, long nowNs) {
    if (isFinal()) {
      return;
    }
    if (!isInside(first, tokens, hiddenFirst, endToken)) {
      fail(peer + " sent hidden rows that were not ordered: " + tokens + " from " + first);
    } else if (payloadBytes != (long) tokens * rowBytes) {
      fail(peer + " sent " + payloadBytes + " bytes for " + tokens + " hidden rows of " + rowBytes);
    } else if (first + tokens > rowsLimit) {
      fail(peer + " sent hidden rows beyond its limit of token " + rowsLimit);
    } else if (isWithinCredit(payloadBytes)) {
      meter.hidden(nowNs, payloadBytes);
      int layer = order.stage().toLayer();
      if (RowDigest.ofHidden(layer, first, tokens, rowBytes, RawMemory.ALL, address)
          != rowsDigest) {
        drop("hidden rows");
      } else {
        takeHidden(first, tokens, rowsDigest, address);
      }
    }
  }

  private void takeHidden(int first, int tokens, long rowsDigest, long address) {
    if (hidden.count(0, first, tokens) == 0) {
      rows.put(first, tokens, RawMemory.ALL, address);
      hiddenDigest += rowsDigest;
    } else {
      int layer = order.stage().toLayer();
      for (int t = hidden.firstMissing(0, first);
          t < first + tokens;
          t = hidden.firstMissing(0, t + 1)) {
        long from = address + (long) (t - first) * rowBytes;
        rows.put(t, 1, RawMemory.ALL, from);
        hiddenDigest += RowDigest.ofHidden(layer, t, 1, rowBytes, RawMemory.ALL, from);
      }
    }
    hidden.mark(0, first, tokens);
    state = State.STREAMING;
    if (hidden.prefix(0) > hiddenFirst) {
      hiddenTokens = hidden.prefix(0);
    }
    checkWhole();
  }

  /** PrefillDone; the moments are on our clock already. */
  void onDone(long startNs, long endNs, long errorNs, int rowCount, long rowsDigest) {
    if (isFinal()) {
      return;
    }
    if (rowCount != endToken - hiddenFirst) {
      fail(
          peer
              + " says it sent "
              + rowCount
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
    if (isFinal() || !doneArrived || wholeSlots < slots.count() || !hidden.isFull(0)) {
      return;
    }
    if (hiddenDigest != promisedHiddenDigest) {
      fail("the hidden rows differ from what " + peer + " computed");
      return;
    }
    meter.complete(computeStartNs, computeEndNs, clockErrorNs);
    coveredTokens = endToken;
    state = State.WHOLE;
  }

  private static boolean isInside(int first, int count, int from, int end) {
    return count >= 1 && first >= from && first < end && count <= end - first;
  }

  private boolean isWithinCredit(int payloadBytes) {
    if (meter.totalBytes() + payloadBytes > creditLimit) {
      fail(peer + " sent more than it was credited: " + creditLimit + " bytes");
      return false;
    }
    return true;
  }

  /** The most tokens behind which all slots allow to go on. */
  private int goingOn() {
    int least = endToken;
    int fixed = -1;
    boolean unlike = false;
    for (int i = 0; i < slots.count(); i++) {
      if (!slots.get(i).isFixed()) {
        least = Math.min(least, kv.prefix(i));
      } else {
        unlike |= fixed >= 0 && fixedAt.getPlain(i) != fixed;
        fixed = fixedAt.getPlain(i);
        unlike |= fixed < 0;
      }
    }
    if (!hasFixed) {
      return least;
    }
    return unlike || fixed > least ? order.firstToken() : fixed;
  }
}
