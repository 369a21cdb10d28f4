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
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * One order at the node that computes it. The compute thread says how far each layer is ({@link
 * KvSender}); the stream thread follows ({@link #pump}): boundary rows ({@link OutgoingRows})
 * before states ({@link OutgoingStates}), because the other node waits for them, and the earliest
 * tokens first.
 */
public final class SendSession implements KvSender {
  /** What a message costs of a turn beside its payload. */
  static final int MESSAGE_BYTES = 64;

  private final PrefillOrder order;
  private final int endToken;
  private final NanoClock clock;
  private final Runnable wake;
  private final SendCredit credit;
  private final OutgoingStates states;
  private final OutgoingRows rows;
  private final int largestBytes;

  /** Compute thread to stream thread. */
  private long computeStartNs;

  private long computeEndNs;
  private volatile boolean done;
  private volatile @Nullable String failure;

  /** Stream thread to compute thread. */
  private volatile boolean over;

  private volatile @Nullable Runnable roomAction;

  private volatile int heldTokens;

  /** Stream thread's own. */
  private final long acceptedNs;

  private boolean doneSent;
  private boolean paused;
  private boolean rests;
  private int resumes;
  private long servedNs;
  private long waitsSinceNs;
  private boolean waits;

  /**
   * @param taken what the receiver takes at first
   * @param rowsBytes of boundary rows that are kept, about
   */
  public SendSession(
      PrefillOrder order,
      StateTable table,
      Credit taken,
      long rowsBytes,
      NanoClock clock,
      Runnable wake) {
    this.order = order;
    this.endToken = order.tokens().length;
    this.clock = clock;
    this.wake = wake;
    StateSlots slots = new StateSlots(order, table);
    this.credit =
        new SendCredit(taken.bytes(), slots.totalBytes() + OutgoingRows.totalBytes(order, table));
    this.states = new OutgoingStates(order, slots, credit, clock);
    this.rows = new OutgoingRows(order, table, taken.rowsLimit(), rowsBytes, credit, clock);
    this.largestBytes = Math.max(slots.largestUnit(), rows.rowBytes());
    this.acceptedNs = clock.nanoTime();
    this.servedNs = acceptedNs;
  }

  // The compute thread's side.

  @Override
  public void begin(KvSource kv) {
    heldTokens = kv.heldTokens();
    rows.begin();
    states.begin(kv);
  }

  @Override
  public void slice(int layer, int firstToken, int tokens) {
    if (!over) {
      states.slice(layer, firstToken, tokens);
      wake.run();
    }
  }

  @Override
  public void fixed(int layer, int at) {
    if (!over) {
      states.fixed(layer, at);
      wake.run();
    }
  }

  @Override
  public void hidden(int firstToken, int tokens, MemorySegment from, long row) {
    if (!over && rows.put(firstToken, tokens, from, row)) {
      wake.run();
    }
  }

  @Override
  public int rowsRoom() {
    return rows.room();
  }

  @Override
  public int rowsFrom() {
    return rows.next();
  }

  @Override
  public void onRoom(Runnable action) {
    roomAction = action;
  }

  /** Refuses tokens that do not follow those before them. */
  static void requireNext(String what, int firstToken, int tokens, int expected, int end) {
    if (tokens < 0 || firstToken > expected || firstToken + tokens > end) {
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
    if (over || rows.isWantedAgain()) {
      return; // where some rows have to come again, this does too
    }
    if (!states.isAllReady() || !rows.isAllReady()) {
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

  /** What was ordered. */
  public PrefillOrder order() {
    return order;
  }

  /** Why the order cannot be finished, or null. */
  public @Nullable String failure() {
    return failure;
  }

  /** What became of it, as far as is known here. */
  public OrderReport report(String caller, OrderReport.End end, @Nullable String reason) {
    return new OrderReport(
        caller,
        end,
        reason,
        endToken,
        heldTokens,
        order.stage().fromLayer(),
        order.stage().toLayer(),
        clock.nanoTime() - acceptedNs,
        credit.leftBytes(),
        credit.savedBytes(),
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
    if (credit.raise(limitBytes)) {
      waitsSinceNs = nowNs;
    }
    if (!rows.isPossible(limitRows, taken)) {
      throw new MalformedMessage("boundary rows of token " + taken + " that were not sent");
    }
    if (rows.raise(limitRows)) {
      waitsSinceNs = nowNs;
    }
    if (rows.release(taken)) {
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
    return credit.unsentBytes();
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
    return !paused && credit.affords(largestBytes);
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
    long creditBytes = request.creditBytes();
    int limitRows = request.rowsLimit();
    int taken = request.rowsTaken();
    states.beginResume();
    rows.beginResume();
    credit.owesNothing();
    for (SliceRequestDecoder.MissingDecoder missing : request.missing()) {
      lacks(missing);
    }
    states.endResume();
    if (rows.endResume(limitRows, taken)) {
      done = false;
    }
    tellRoom();
    credit.resume(received, creditBytes);
    doneSent = false;
    resumes++;
    paused = false;
    waits = false;
  }

  private void lacks(SliceRequestDecoder.MissingDecoder missing) {
    int first = missing.first();
    int end = first + missing.units();
    boolean ofRows =
        missing.layer() == order.stage().toLayer() && missing.state() == StateSlots.ROWS;
    if (!(ofRows ? rows.isOrdered(first, end) : states.isOrdered(missing))) {
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
    if (ofRows) {
      rows.lacks(first, end);
    } else {
      states.lacks(missing);
    }
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
    boolean all = done; // asked first: what was handed over before it is seen below
    if (rows.hasGaps()) {
      return rows.sendGap(out);
    }
    if (states.hasGaps()) {
      return states.sendGap(out);
    }
    if (rows.hasNext()) {
      return rows.sendNext(out);
    }
    if (states.isDigestDue()) {
      return states.sendDigest(out);
    }
    if (states.hasNext()) {
      return states.sendNext(out);
    }
    // Rows may be ready that the receiver has no room for yet: it computes, which may take as long
    // as it likes.
    if (!all || doneSent || !rows.isAllSent()) {
      return 0;
    }
    doneSent =
        out.sendDone(order.sessionId(), computeStartNs, computeEndNs, rows.count(), rows.digest());
    return doneSent ? MESSAGE_BYTES : -1;
  }
}
