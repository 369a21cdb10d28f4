package dev.baton.kvstream.session;

import dev.baton.arch.StateTable;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.codec.SliceRequestDecoder;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.MalformedMessage;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * One order at the node that computes it. The compute thread says how far each layer is ({@link
 * KvSender}); the stream thread follows ({@link #pump}), the earliest tokens first and boundary
 * rows before states, because the other node waits for them. As a layer's tokens are handed over in
 * order, how far it is, is one number: nothing is queued, neighbours that wait travel together, and
 * a resumed session only sets back what was sent. A fixed state travels at the newest position that
 * was announced, behind everything else that is ready.
 */
public final class SendSession implements KvSender {
  private static final int MESSAGE_BYTES = 64;
  private static final int GAP_NUMBERS = 3;

  private final PrefillOrder order;
  private final int endToken;
  private final StateSlots slots;
  private final int rowBytes;
  private final int hiddenFirst;
  private final int rowsKept;
  private final NanoClock clock;
  private final Runnable wake;

  /** Compute thread's own: tokens of each layer that are computed. */
  private final int[] computed;

  /**
   * Compute thread to stream thread: units of each slot that are computed, of a fixed state its
   * position; a time is written before the number it belongs to.
   */
  private final AtomicIntegerArray ready;

  private final long[] readyNs;
  private long hiddenReadyNs;
  private volatile int hiddenReady;
  private volatile boolean done;
  private volatile @Nullable String failure;
  private @Nullable KvSource source;
  private @Nullable RowWindow rows;
  private long computeStartNs;
  private long computeEndNs;

  /** Stream thread to compute thread. */
  private volatile boolean over;

  private volatile int rowsTaken;

  /** A token whose row has to be computed again, or -1; the compute thread takes it away. */
  private final AtomicInteger rowsAgain = new AtomicInteger(-1);

  private volatile @Nullable Runnable roomAction;

  /** Stream thread's own: units [first, sent) of a slot have left, but for the gaps. */
  private final int[] sent;

  /** Units before this one are in the slot's digest. */
  private final int[] digested;

  private final long[] digest;
  private final boolean[] digestSent;

  /** Of a fixed state: the position that is being sent, or 0. */
  private final int[] position;

  /** Units before {@code sent} that have to leave once more: slot, first, end, ... */
  private final IntArrayList gaps = new IntArrayList();

  private final SliceHeader header = new SliceHeader();
  private int slot = -1;
  private int slotTarget;
  private int digestsDue;
  private int rowsLimit;
  private int hiddenSent;
  private int hiddenDigested;
  private long hiddenDigest;
  private boolean doneSent;
  private boolean paused;
  private boolean rests;
  private long sentBytes;
  private long leftBytes;
  private long savedBytes;
  private int resumes;
  private long creditLimit;
  private long unsentBytes;
  private final long acceptedNs;
  private long servedNs;
  private long waitsSinceNs;
  private boolean waits;

  /**
   * @param credit what the receiver takes at first
   * @param rowsBytes of boundary rows that are kept, about
   */
  public SendSession(
      PrefillOrder order,
      StateTable table,
      Credit credit,
      long rowsBytes,
      NanoClock clock,
      Runnable wake) {
    this.order = order;
    this.endToken = order.tokens().length;
    this.slots = new StateSlots(order, table);
    this.rowBytes = Math.max(1, table.boundaryBytes(order.stage().toLayer()));
    this.hiddenFirst = order.firstRow();
    int chunk = order.chunks().largestTokens();
    this.rowsKept = RowWindow.capacity(endToken - hiddenFirst, chunk, rowBytes, rowsBytes);
    this.clock = clock;
    this.wake = wake;
    this.computed = new int[order.stage().layers()];
    Arrays.fill(computed, order.firstToken());
    this.sent = slots.firsts();
    this.digested = slots.firsts();
    this.ready = new AtomicIntegerArray(slots.firsts());
    this.readyNs = new long[order.stage().layers()];
    this.digest = new long[sent.length];
    this.digestSent = new boolean[sent.length];
    this.position = new int[sent.length];
    this.hiddenReady = hiddenFirst;
    this.hiddenSent = hiddenFirst;
    this.hiddenDigested = hiddenFirst;
    this.rowsTaken = hiddenFirst;
    this.header.sessionId = order.sessionId();
    this.creditLimit = credit.bytes();
    this.rowsLimit = Math.min(endToken, credit.rowsLimit());
    this.unsentBytes = slots.totalBytes() + (long) (endToken - hiddenFirst) * rowBytes;
    this.acceptedNs = clock.nanoTime();
    this.servedNs = acceptedNs;
    for (int i = 0; i < sent.length; i++) {
      digestsDue += isSent(i) ? 1 : 0;
    }
  }

  // The compute thread's side.

  @Override
  public void begin(KvSource kv) {
    // On the heap: memory outside of it would be given back only when the heap, which hardly grows
    // here, happens to be collected.
    long bytes = (long) rowsKept * rowBytes;
    MemorySegment memory =
        MemorySegment.ofArray(new long[Math.toIntExact(Math.ceilDiv(bytes, Long.BYTES))]);
    rows = new RowWindow(hiddenFirst, rowsKept, rowBytes, memory);
    source = kv;
  }

  @Override
  public void slice(int layer, int firstToken, int tokens) {
    if (over) {
      return;
    }
    if (source == null) {
      throw new IllegalStateException("begin comes before the first slice");
    }
    int at = layer - order.stage().fromLayer();
    int before = computed[at];
    requireNext("KV of layer " + layer, firstToken, tokens, before);
    readyNs[at] = clock.nanoTime();
    int end = Math.max(before, firstToken + tokens);
    computed[at] = end;
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (!slots.get(i).isFixed()) {
        ready.setRelease(i, slots.get(i).unitsAt(end));
      }
    }
    wake.run();
  }

  @Override
  public void fixed(int layer, int at) {
    if (over) {
      return;
    }
    readyNs[layer - order.stage().fromLayer()] = clock.nanoTime();
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (slots.get(i).isFixed()) {
        if (at <= Math.max(order.firstToken(), ready.getPlain(i)) || at > endToken) {
          throw new IllegalArgumentException(
              "a state of layer " + layer + " at " + at + " behind one at " + ready.getPlain(i));
        }
        ready.setRelease(i, at);
      }
    }
    wake.run();
  }

  @Override
  public void hidden(int firstToken, int tokens, MemorySegment from, long row) {
    int again = rowsAgain.get();
    int next = again >= 0 ? again : hiddenReady;
    int end = firstToken + tokens;
    if (over || end <= next) {
      return;
    }
    RowWindow kept = rows;
    if (kept == null) {
      throw new IllegalStateException("begin comes before the first hidden row");
    }
    int begin = Math.max(firstToken, next);
    requireNext("hidden rows", begin, end - begin, next);
    int room = rowsTaken + rowsKept - next;
    if (end - begin > room) {
      throw new IllegalStateException(
          "hidden rows of " + (end - begin) + " tokens where there is room for " + room);
    }
    kept.put(begin, end - begin, from, (row + begin - firstToken) * rowBytes);
    hiddenReadyNs = clock.nanoTime();
    hiddenReady = end;
    if (again >= 0) {
      boolean _ = rowsAgain.compareAndSet(again, -1);
    }
    wake.run();
  }

  @Override
  public int rowsRoom() {
    return rowsTaken + rowsKept - rowsFrom();
  }

  @Override
  public int rowsFrom() {
    int again = rowsAgain.get();
    return again >= 0 ? again : hiddenReady;
  }

  @Override
  public void onRoom(Runnable action) {
    roomAction = action;
  }

  private boolean isAllReady() {
    for (int i = 0; i < ready.length(); i++) {
      if (ready.getPlain(i) < (slots.get(i).isFixed() ? endToken : slots.get(i).end())) {
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
    if (rowsAgain.get() >= 0) {
      return; // some rows have to come again, and then this
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

  public PrefillOrder order() {
    return order;
  }

  /** Why the order cannot be finished, or null. */
  @Nullable
  public String failure() {
    return failure;
  }

  /** What became of it, as far as is known here. */
  public OrderReport report(String caller, OrderReport.End end, @Nullable String reason) {
    return new OrderReport(
        caller,
        end,
        reason,
        endToken,
        order.stage().fromLayer(),
        order.stage().toLayer(),
        clock.nanoTime() - acceptedNs,
        leftBytes,
        savedBytes,
        resumes);
  }

  /** Nobody wants the rest. */
  public void end() {
    over = true;
    tellRoom();
  }

  /**
   * The receiver takes up to this many payload bytes in all; a higher limit says that some came.
   *
   * @param limitRows boundary rows of tokens before this one may leave
   * @param taken those of tokens before this one are there
   */
  public void credit(long limitBytes, int limitRows, int taken, long nowNs) {
    if (limitBytes > creditLimit) {
      creditLimit = limitBytes;
      waitsSinceNs = nowNs;
    }
    takesRows(limitRows, taken, nowNs);
  }

  private void takesRows(int limitRows, int taken, long nowNs) {
    if (taken > hiddenSent || limitRows > endToken) {
      throw new MalformedMessage("boundary rows of token " + taken + " that were not sent");
    }
    if (limitRows > rowsLimit) {
      rowsLimit = limitRows;
      waitsSinceNs = nowNs;
    }
    if (taken > rowsTaken) {
      rowsTaken = taken;
      tellRoom();
    }
  }

  private void tellRoom() {
    Runnable action = roomAction;
    if (action != null) {
      action.run();
    }
  }

  /** Payload that has not left yet, computed or not. */
  public long unsentBytes() {
    return unsentBytes;
  }

  /** The stream thread's next turn: whatever stopped it in the last one may be gone. */
  public void newTurn() {
    rests = paused || failure != null;
  }

  /** False when it has nothing to send, or cannot, for the rest of the turn. */
  public boolean mayPump() {
    return !rests;
  }

  /** When it last sent something. */
  public long servedNs() {
    return servedNs;
  }

  /**
   * True when something has waited for the wire, for credit or for the receipt for longer than
   * {@code limitNs}.
   */
  public boolean isStuck(long nowNs, long limitNs) {
    return waits && nowNs - waitsSinceNs > limitNs;
  }

  /** True when nothing but the stream itself can keep it waiting: neither credit nor a request. */
  public boolean waitsForTheStream() {
    return !paused && creditLimit - sentBytes >= Math.max(slots.largestUnit(), rowBytes);
  }

  /** True while the receiver is still to say what is missing. */
  public boolean isPaused() {
    return paused;
  }

  /** The connection broke: nothing leaves until {@link #resume} says what is missing. */
  public void pause(long nowNs) {
    paused = true;
    waits(nowNs);
  }

  /**
   * Goes on with what the receiver says that it lacks.
   *
   * @throws MalformedMessage when it lacks what was not ordered
   */
  public void resume(SliceRequestDecoder request) {
    long received = request.receivedBytes();
    creditLimit = request.creditBytes();
    int limitRows = request.rowsLimit();
    int taken = request.rowsTaken();
    int[] next = slots.ends();
    int hiddenNext = endToken;
    gaps.clear();
    unsentBytes = 0;
    for (SliceRequestDecoder.MissingDecoder missing : request.missing()) {
      int first = missing.first();
      int end = first + missing.units();
      boolean ofHidden =
          missing.layer() == order.stage().toLayer() && missing.state() == StateSlots.ROWS;
      int of = ofHidden ? -1 : slots.find(missing.layer(), missing.state());
      requireOrdered(missing, of, ofHidden, first, end);
      if (ofHidden) {
        unsentBytes += (long) (end - first) * rowBytes;
        if (end == endToken) {
          hiddenNext = first;
        } else {
          gap(-1, first, Math.min(end, hiddenSent));
        }
      } else if (missing.units() > 0) {
        boolean outdated = slots.get(of).isFixed() && missing.position() != position[of];
        unsentBytes +=
            outdated ? slots.get(of).totalBytes() : slots.get(of).payloadBytes(first, end - first);
        if (outdated) {
          next[of] = slots.get(of).first();
        } else if (end == slots.get(of).end()) {
          next[of] = first;
        } else {
          gap(of, first, Math.min(end, sent[of]));
        }
      } else if (missing.position() != position[of]) {
        unsentBytes += slots.get(of).totalBytes();
        next[of] = slots.get(of).first();
      }
    }
    for (int i = 0; i < sent.length; i++) {
      sent[i] = Math.min(sent[i], next[i]);
    }
    rowsLimit = Math.clamp(limitRows, hiddenFirst, endToken);
    hiddenSent = Math.min(hiddenSent, hiddenNext);
    rewind(Math.min(hiddenSent, firstGap()), taken);
    Arrays.fill(digestSent, false);
    digestsDue = 0;
    for (int i = 0; i < sent.length; i++) {
      digestsDue += isSent(i) ? 1 : 0;
    }
    slot = -1;
    doneSent = false;
    sentBytes = received;
    savedBytes = received;
    resumes++;
    paused = false;
    waits = false;
  }

  private void requireOrdered(
      SliceRequestDecoder.MissingDecoder missing, int of, boolean ofHidden, int first, int end) {
    boolean right;
    if (ofHidden) {
      right = first >= hiddenFirst && end > first && end <= endToken;
    } else if (of < 0) {
      right = false;
    } else {
      StateSlots.Slot asked = slots.get(of);
      right =
          asked.isFixed()
              ? first >= 0
                  && end >= first
                  && end <= asked.end()
                  && missing.position() >= 0
                  && missing.position() <= position[of]
              : first >= asked.first() && end > first && end <= asked.end();
    }
    if (!right) {
      throw new MalformedMessage(
          "a request for rows that were not ordered: layer "
              + missing.layer()
              + ", state "
              + missing.state()
              + ", ["
              + first
              + ", "
              + end
              + ")");
    }
  }

  private void gap(int of, int first, int end) {
    if (first < end) {
      gaps.addInt(of);
      gaps.addInt(first);
      gaps.addInt(end);
    }
  }

  /** The first boundary row that has to leave once more, of those in gaps. */
  private int firstGap() {
    int first = endToken;
    for (int i = 0; i < gaps.size(); i += GAP_NUMBERS) {
      if (gaps.getInt(i) < 0) {
        first = Math.min(first, gaps.getInt(i + 1));
      }
    }
    return first;
  }

  /** Boundary rows are sent from {@code first} on; those that are not kept are computed again. */
  private void rewind(int first, int taken) {
    if (first >= rowsTaken) {
      rowsTaken = Math.clamp(taken, rowsTaken, Math.max(rowsTaken, first));
    } else {
      for (int i = gaps.size() - GAP_NUMBERS; i >= 0; i -= GAP_NUMBERS) {
        if (gaps.getInt(i) < 0) {
          removeGap(i);
        }
      }
      hiddenSent = first;
      rowsTaken = first;
      rowsAgain.set(first);
      done = false;
    }
    tellRoom();
  }

  private void removeGap(int at) {
    gaps.removeAt(at + 2);
    gaps.removeAt(at + 1);
    gaps.removeAt(at);
  }

  /**
   * Sends what is ready, up to about {@code quantumBytes}, and returns how many bytes that were.
   *
   * @throws RuntimeException what the source throws
   */
  public int pump(KvStream out, int quantumBytes, long nowNs) {
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
    int readyRows = rowsAgain.get() >= 0 ? hiddenSent : hiddenReady;
    if (Math.min(readyRows, rowsLimit) > hiddenSent) {
      return sendHidden(out, Math.min(readyRows, rowsLimit));
    }
    if (digestsDue > 0) {
      return sendLayerDigest(out);
    }
    if (pickSlot()) {
      return sendSlice(out);
    }
    // done implies that all was ready, and above nothing ready was left unsent but rows that the
    // receiver has no room for yet: it computes, which may take as long as it likes.
    if (!done || doneSent || readyRows > hiddenSent || rowsAgain.get() >= 0) {
      return 0;
    }
    int count = endToken - hiddenFirst;
    doneSent = out.sendDone(order.sessionId(), computeStartNs, computeEndNs, count, hiddenDigest);
    return doneSent ? MESSAGE_BYTES : -1;
  }

  private int sendGap(KvStream out) {
    int last = gaps.size() - GAP_NUMBERS;
    int of = gaps.getInt(last);
    int first = gaps.getInt(last + 1);
    int end = gaps.getInt(last + 2);
    if (of >= 0 && isReplaced(of)) {
      return newest(of) > 0 ? MESSAGE_BYTES : -1; // and so the gap is gone
    }
    int unitBytes = of < 0 ? rowBytes : slots.get(of).unitBytes();
    int count = Math.min(end - first, affordable(unitBytes));
    int units =
        count < 1 ? 0 : of < 0 ? hiddenRows(out, first, count) : slice(out, of, first, count);
    if (units == 0) {
      return -1;
    }
    gaps.setInt(last + 1, first + units);
    if (first + units >= end) {
      removeGap(last);
    }
    return MESSAGE_BYTES + units * unitBytes;
  }

  private int affordable(int unitBytes) {
    return (int) Math.min(Integer.MAX_VALUE, (creditLimit - sentBytes) / unitBytes);
  }

  private int sendHidden(KvStream out, int until) {
    int count = Math.min(until - hiddenSent, affordable(rowBytes));
    if (hiddenSent < hiddenDigested) {
      count = Math.min(count, hiddenDigested - hiddenSent);
    }
    int sentRows = count < 1 ? 0 : hiddenRows(out, hiddenSent, count);
    if (sentRows == 0) {
      return -1;
    }
    if (hiddenSent == hiddenDigested) {
      hiddenDigest += out.lastDigest();
      hiddenDigested += sentRows;
    }
    hiddenSent += sentRows;
    return MESSAGE_BYTES + sentRows * rowBytes;
  }

  /**
   * Sends up to {@code limit} boundary rows in one message; returns how many, 0 when it must wait.
   */
  private int hiddenRows(KvStream out, int first, int limit) {
    RowWindow from = rows;
    if (from == null) {
      return 0;
    }
    int count = Math.min(Math.min(limit, out.rowsPerMessage(rowBytes)), from.run(first));
    header.layer = order.stage().toLayer();
    header.state = StateSlots.ROWS;
    header.first = first;
    header.count = count;
    header.readyNs = hiddenReadyNs;
    header.sentNs = clock.nanoTime();
    if (!out.sendHidden(header, from.memory(), from.offset(first), rowBytes)) {
      return 0;
    }
    spent((long) count * rowBytes);
    return count;
  }

  private int sendSlice(KvStream out) {
    int of = slot;
    int first = sent[of];
    int unitBytes = slots.get(of).unitBytes();
    int count = Math.min(slotTarget - first, affordable(unitBytes));
    if (first < digested[of]) {
      count = Math.min(count, digested[of] - first);
    }
    int units = count < 1 ? 0 : slice(out, of, first, count);
    if (units == 0) {
      return -1;
    }
    if (first == digested[of]) {
      digest[of] += out.lastDigest();
      digested[of] += units;
    }
    sent[of] = first + units;
    if (isSent(of)) {
      digestsDue++;
    }
    return MESSAGE_BYTES + units * unitBytes;
  }

  /**
   * Sends up to {@code limit} units of a slot in one message; returns how many, 0 when it must
   * wait.
   */
  private int slice(KvStream out, int of, int first, int limit) {
    StateSlots.Slot what = slots.get(of);
    int units = Math.min(limit, out.unitsPerSlice(what.unitBytes()));
    header.layer = what.layer();
    header.state = what.state();
    header.first = first;
    header.count = units;
    header.position = position[of];
    header.fixedBytes = what.fixedBytes();
    header.readyNs = readyNs[what.layer() - order.stage().fromLayer()];
    header.sentNs = clock.nanoTime();
    int payload = (int) what.payloadBytes(first, units);
    KvSource from = source;
    if (from == null || !out.sendSlice(header, from, payload)) {
      return 0;
    }
    spent(payload);
    return units;
  }

  private void spent(long bytes) {
    sentBytes += bytes;
    leftBytes += bytes;
    unsentBytes -= bytes;
  }

  /** True when all of the slot has left, of a fixed state all at the position that is sent. */
  private boolean isSent(int of) {
    return sent[of] == slots.get(of).end();
  }

  private int sendLayerDigest(KvStream out) {
    int due = 0;
    while (!isSent(due) || digestSent[due]) {
      due++;
    }
    header.layer = slots.get(due).layer();
    header.state = slots.get(due).state();
    header.count = slots.get(due).units();
    header.position = position[due];
    if (!out.sendLayerDigest(header, digest[due])) {
      return -1;
    }
    digestSent[due] = true;
    digestsDue--;
    return MESSAGE_BYTES;
  }

  /**
   * Chooses the slot whose next token is the earliest, and stays with it as far as it was ready
   * then; fixed states come behind all rows.
   */
  private boolean pickSlot() {
    if (slot >= 0 && sent[slot] < slotTarget && !isReplaced(slot)) {
      return true;
    }
    slot = -1;
    int earliest = Integer.MAX_VALUE;
    for (int i = 0; i < sent.length; i++) {
      StateSlots.Slot what = slots.get(i);
      int token = what.isFixed() ? endToken : sent[i] * what.tokens();
      if (token < earliest) {
        int until = what.isFixed() ? newest(i) : ready.getAcquire(i);
        if (until > sent[i]) {
          earliest = token;
          slot = i;
          slotTarget = until;
        }
      }
    }
    return slot >= 0;
  }

  private boolean isReplaced(int of) {
    return slots.get(of).isFixed() && ready.getAcquire(of) > position[of];
  }

  /** Units of a fixed state that may leave, at the newest position there is. */
  private int newest(int of) {
    if (isReplaced(of)) {
      unsentBytes += sent[of] == 0 ? 0 : slots.get(of).payloadBytes(0, sent[of]);
      position[of] = ready.getAcquire(of);
      sent[of] = 0;
      digested[of] = 0;
      digest[of] = 0;
      digestSent[of] = false;
      for (int i = gaps.size() - GAP_NUMBERS; i >= 0; i -= GAP_NUMBERS) {
        if (gaps.getInt(i) == of) {
          removeGap(i);
        }
      }
    }
    return position[of] == 0 ? 0 : slots.get(of).end();
  }
}
