package dev.baton.kvstream.session;

import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.codec.SliceRequestDecoder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * The states of an order's layers at the node that computes them. As a layer's tokens are handed
 * over in order, how far it is, is one number: nothing is queued, neighbours that wait travel
 * together, the earliest tokens first, and a resumed session only sets back what was sent. A fixed
 * state travels at the newest position that was announced, behind all rows that are ready.
 */
final class OutgoingStates {
  private static final int GAP_NUMBERS = 3;

  private final StateSlots slots;
  private final int fromLayer;
  private final int firstToken;
  private final int endToken;
  private final SendCredit credit;
  private final NanoClock clock;

  /** Compute thread's own: tokens of each layer that are computed. */
  private final int[] computed;

  /**
   * Compute thread to stream thread: units of each slot that are computed, of a fixed state its
   * position; a time is written before the number it belongs to.
   */
  private final AtomicIntegerArray ready;

  private final long[] readyNs;
  private @Nullable KvSource source;

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

  private int[] restart = new int[0];
  private int slot = -1;
  private int slotTarget;
  private int digestsDue;
  private final SliceHeader header = new SliceHeader();

  OutgoingStates(PrefillOrder order, StateSlots slots, SendCredit credit, NanoClock clock) {
    this.slots = slots;
    this.fromLayer = order.stage().fromLayer();
    this.firstToken = order.firstToken();
    this.endToken = order.tokens().length;
    this.credit = credit;
    this.clock = clock;
    this.computed = new int[order.stage().layers()];
    Arrays.fill(computed, firstToken);
    this.sent = slots.firsts();
    this.digested = slots.firsts();
    this.ready = new AtomicIntegerArray(slots.firsts());
    this.readyNs = new long[order.stage().layers()];
    this.digest = new long[sent.length];
    this.digestSent = new boolean[sent.length];
    this.position = new int[sent.length];
    header.sessionId = order.sessionId();
    countDigestsDue();
  }

  private void countDigestsDue() {
    digestsDue = 0;
    for (int i = 0; i < sent.length; i++) {
      digestsDue += isSent(i) ? 1 : 0;
    }
  }

  // The compute thread's side.

  void begin(KvSource kv) {
    source = kv;
  }

  /** As {@link SendSession#slice} says. */
  void slice(int layer, int first, int tokens) {
    if (source == null) {
      throw new IllegalStateException("begin comes before the first slice");
    }
    int at = layer - fromLayer;
    int before = computed[at];
    SendSession.requireNext("KV of layer " + layer, first, tokens, before, endToken);
    readyNs[at] = clock.nanoTime();
    int end = Math.max(before, first + tokens);
    computed[at] = end;
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (!slots.get(i).isFixed()) {
        ready.setRelease(i, slots.get(i).unitsAt(end));
      }
    }
  }

  /** As {@link SendSession#fixed} says. */
  void fixed(int layer, int at) {
    readyNs[layer - fromLayer] = clock.nanoTime();
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (slots.get(i).isFixed()) {
        if (at <= Math.max(firstToken, ready.getPlain(i)) || at > endToken) {
          throw new IllegalArgumentException(
              "a state of layer " + layer + " at " + at + " behind one at " + ready.getPlain(i));
        }
        ready.setRelease(i, at);
      }
    }
  }

  boolean isAllReady() {
    for (int i = 0; i < ready.length(); i++) {
      if (ready.getPlain(i) < (slots.get(i).isFixed() ? endToken : slots.get(i).end())) {
        return false;
      }
    }
    return true;
  }

  // The stream thread's side.

  /** Whether a range that the receiver lacks is of units that were ordered. */
  boolean isOrdered(SliceRequestDecoder.MissingDecoder missing) {
    int of = slots.find(missing.layer(), missing.state());
    if (of < 0) {
      return false;
    }
    StateSlots.Slot asked = slots.get(of);
    int first = missing.first();
    int end = first + missing.units();
    return asked.isFixed()
        ? first >= 0
            && end >= first
            && end <= asked.end()
            && missing.position() >= 0
            && missing.position() <= position[of]
        : first >= asked.first() && end > first && end <= asked.end();
  }

  /** What the receiver lacks is said next, by {@link #lacks}. */
  void beginResume() {
    gaps.clear();
    restart = slots.ends();
  }

  /** The receiver lacks these units, or has a fixed state at another position than the newest. */
  void lacks(SliceRequestDecoder.MissingDecoder missing) {
    int of = slots.find(missing.layer(), missing.state());
    StateSlots.Slot lacking = slots.get(of);
    int first = missing.first();
    int end = first + missing.units();
    boolean outdated = lacking.isFixed() && missing.position() != position[of];
    if (outdated) {
      credit.owes(lacking.totalBytes());
      restart[of] = lacking.first();
    } else if (missing.units() > 0) {
      credit.owes(lacking.payloadBytes(first, end - first));
      if (end == lacking.end()) {
        restart[of] = first;
      } else if (first < Math.min(end, sent[of])) {
        gaps.addInt(of);
        gaps.addInt(first);
        gaps.addInt(Math.min(end, sent[of]));
      }
    }
  }

  /** All was said that the receiver lacks. */
  void endResume() {
    for (int i = 0; i < sent.length; i++) {
      sent[i] = Math.min(sent[i], restart[i]);
    }
    Arrays.fill(digestSent, false);
    countDigestsDue();
    slot = -1;
  }

  boolean hasGaps() {
    return !gaps.isEmpty();
  }

  /** Sends some that left before; returns the message's bytes, -1 when it must wait. */
  int sendGap(KvStream out) {
    int last = gaps.size() - GAP_NUMBERS;
    int of = gaps.getInt(last);
    int first = gaps.getInt(last + 1);
    int end = gaps.getInt(last + 2);
    if (isReplaced(of)) {
      return newest(of) > 0 ? SendSession.MESSAGE_BYTES : -1; // and so the gap is gone
    }
    int unitBytes = slots.get(of).unitBytes();
    int units = send(out, of, first, Math.min(end - first, credit.affordable(unitBytes)));
    if (units == 0) {
      return -1;
    }
    gaps.setInt(last + 1, first + units);
    if (first + units >= end) {
      removeGap(last);
    }
    return SendSession.MESSAGE_BYTES + units * unitBytes;
  }

  private void removeGap(int at) {
    gaps.removeAt(at + 2);
    gaps.removeAt(at + 1);
    gaps.removeAt(at);
  }

  /**
   * Chooses the slot whose next token is the earliest, and stays with it as far as it was ready
   * then; fixed states come behind all rows. False where nothing is ready.
   */
  boolean hasNext() {
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

  /** Sends of the slot that was chosen; returns the message's bytes, -1 when it must wait. */
  int sendNext(KvStream out) {
    int of = slot;
    int first = sent[of];
    int unitBytes = slots.get(of).unitBytes();
    int count = Math.min(slotTarget - first, credit.affordable(unitBytes));
    if (first < digested[of]) {
      count = Math.min(count, digested[of] - first);
    }
    int units = send(out, of, first, count);
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
    return SendSession.MESSAGE_BYTES + units * unitBytes;
  }

  /** Sends up to {@code most} units of a slot in one message; returns how many, 0 to wait. */
  private int send(KvStream out, int of, int first, int most) {
    KvSource from = source;
    if (most < 1 || from == null) {
      return 0;
    }
    StateSlots.Slot what = slots.get(of);
    int units = Math.min(most, out.unitsPerSlice(what.unitBytes()));
    header.layer = what.layer();
    header.state = what.state();
    header.first = first;
    header.count = units;
    header.position = position[of];
    header.fixedBytes = what.fixedBytes();
    header.readyNs = readyNs[what.layer() - fromLayer];
    header.sentNs = clock.nanoTime();
    int payload = (int) what.payloadBytes(first, units);
    if (!out.sendSlice(header, from, payload)) {
      return 0;
    }
    credit.spent(payload);
    return units;
  }

  /** True when all of the slot has left, of a fixed state all at the position that is sent. */
  private boolean isSent(int of) {
    return sent[of] == slots.get(of).end();
  }

  boolean isDigestDue() {
    return digestsDue > 0;
  }

  /**
   * Sends the digest of a slot that has left; returns the message's bytes, -1 when it must wait.
   */
  int sendDigest(KvStream out) {
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
    return SendSession.MESSAGE_BYTES;
  }

  private boolean isReplaced(int of) {
    return slots.get(of).isFixed() && ready.getAcquire(of) > position[of];
  }

  /** Units of a fixed state that may leave, at the newest position there is. */
  private int newest(int of) {
    if (isReplaced(of)) {
      credit.owes(sent[of] == 0 ? 0 : slots.get(of).payloadBytes(0, sent[of]));
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
