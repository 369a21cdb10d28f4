package dev.baton.kvstream.session;

import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.agrona.collections.IntArrayList;

/**
 * The states of an order's layers at the node that gave it: what of each slot has come, its digest,
 * and behind which token the layers can be gone on with. Units that are there already are never
 * written again. Written by the stream thread, read by any other.
 */
final class IncomingStates {
  private final StateSlots slots;
  private final int fromLayer;
  private final int firstToken;
  private final int endToken;
  private final KvSink sink;
  private final MemorySegment oneUnit;
  private final Coverage coverage;
  private final long[] digest;
  private final long[] promisedDigest;
  private final boolean[] promised;
  private final boolean[] whole;
  private final int[] position; // of a fixed state: the newest one heard of, or -1
  private final AtomicIntegerArray fixedAt; // of a fixed state: where it is whole, or -1
  private final AtomicIntegerArray missingSlots; // by layer
  private final boolean anywhere; // whether it can be gone on from before the prompt's end
  private final boolean hasFixed;
  private int wholeSlots;
  private volatile int coveredTokens;

  IncomingStates(PrefillOrder order, StateSlots slots, KvSink sink) {
    this.slots = slots;
    this.fromLayer = order.stage().fromLayer();
    this.firstToken = order.firstToken();
    this.endToken = order.tokens().length;
    this.sink = sink;
    this.oneUnit = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(slots.largestUnit()));
    this.coverage = new Coverage(slots.firsts(), slots.ends());
    int count = slots.count();
    this.digest = new long[count];
    this.promisedDigest = new long[count];
    this.promised = new boolean[count];
    this.whole = new boolean[count];
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
      missingSlots.incrementAndGet(slot.layer() - fromLayer);
    }
    this.anywhere = between;
    this.hasFixed = fixed;
    this.coveredTokens = firstToken;
  }

  // For any thread.

  boolean isLayerWhole(int layer) {
    return missingSlots.getAcquire(layer - fromLayer) == 0;
  }

  /** Tokens behind which the layers can be gone on with. */
  int coveredTokens() {
    return coveredTokens;
  }

  int fixedPosition(int layer) {
    int at = -1;
    boolean any = false;
    for (int i = slots.firstOf(layer); i < slots.endOf(layer); i++) {
      if (slots.get(i).isFixed()) {
        int there = fixedAt.getAcquire(i);
        if (any && there != at) {
          return -1;
        }
        any = true;
        at = there;
      }
    }
    return at;
  }

  // For the stream thread.

  long coveredBytes() {
    long bytes = 0;
    for (int i = 0; i < slots.count(); i++) {
      bytes += (long) coverage.covered(i) * slots.get(i).unitBytes();
    }
    return bytes;
  }

  /**
   * Appends every range that is not there. Of a fixed state its position is always told, with no
   * units where it is whole there.
   */
  void addMissing(IntArrayList ranges) {
    for (int i = 0; i < slots.count(); i++) {
      StateSlots.Slot slot = slots.get(i);
      int at = Math.max(0, position[i]);
      int before = ranges.size();
      coverage.addMissing(ranges, i, slot.layer(), slot.state(), at);
      if (slot.isFixed() && ranges.size() == before) {
        Coverage.add(ranges, slot.layer(), slot.state(), at, 0, 0);
      }
    }
  }

  /** The slot that units were ordered of, or -1 where they were not. */
  int ordered(SliceHeader what) {
    int index = slots.find(what.layer, what.state);
    if (index < 0) {
      return -1;
    }
    StateSlots.Slot slot = slots.get(index);
    boolean isInside =
        what.count >= 1
            && what.first >= slot.first()
            && what.first < slot.end()
            && what.count <= slot.end() - what.first;
    return isInside && isOrdered(slot, what.position) ? index : -1;
  }

  /** The slot whose digest was ordered, or -1 where it was not. */
  int ordered(int layer, int state, int at, int count) {
    int index = slots.find(layer, state);
    return index >= 0 && count == slots.get(index).units() && isOrdered(slots.get(index), at)
        ? index
        : -1;
  }

  private boolean isOrdered(StateSlots.Slot slot, int at) {
    return slot.isFixed() ? at > firstToken && at <= endToken : at == 0;
  }

  /**
   * False for a position of a fixed state that a later one has replaced; a later one than before
   * begins anew.
   */
  boolean isNewest(int index, int at) {
    if (!slots.get(index).isFixed()) {
      return true;
    }
    if (at > position[index]) {
      position[index] = at;
      fixedAt.setRelease(index, -1);
      coverage.clear(index);
      digest[index] = 0;
      promised[index] = false;
      coveredTokens = firstToken;
    }
    return at == position[index];
  }

  /**
   * Hands rows at an absolute address to the sink, as far as they are not there.
   *
   * @return false where they do not have this digest; nothing was taken then
   * @throws RuntimeException what the sink throws
   */
  boolean store(int index, SliceHeader what, long sliceDigest, long address) {
    StateSlots.Slot slot = slots.get(index);
    int known = coverage.count(index, what.first, what.count);
    if (known == 0) {
      return sink.importSlice(
          slot.layer(), slot.state(), what.first, what.count, RawMemory.ALL, address, sliceDigest);
    }
    boolean right = slot.digest(0, what.first, what.count, RawMemory.ALL, address) == sliceDigest;
    if (right && known < what.count) {
      storeMissing(index, slot, what.first, what.count, address);
    }
    return right;
  }

  /**
   * Stores those units of an overlapping slice that are not there yet, one by one: the others may
   * be in use.
   */
  private void storeMissing(int index, StateSlots.Slot slot, int first, int count, long address) {
    int bytes = slot.bytes();
    int second = slot.secondBytes();
    long seconds = address + (long) count * bytes;
    for (int t = coverage.firstMissing(index, first);
        t < first + count;
        t = coverage.firstMissing(index, t + 1)) {
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

  /** Notes rows that were stored; false where all of them were there before. */
  boolean mark(int index, SliceHeader what, long sliceDigest) {
    int known = coverage.count(index, what.first, what.count);
    if (known == what.count) {
      return false;
    }
    if (known == 0) {
      digest[index] += sliceDigest;
    }
    boolean wasLast = hasFixed || coverage.prefix(index) == coveredTokens;
    coverage.mark(index, what.first, what.count);
    if (anywhere && wasLast) {
      coveredTokens = goingOn();
    }
    return true;
  }

  /**
   * Hands pieces of a fixed state to the sink, as far as they are not there, and notes them.
   *
   * @return false where they do not have this digest; nothing was taken then
   * @throws RuntimeException what the sink throws
   */
  boolean storePieces(int index, SliceHeader what, long sliceDigest, long address) {
    StateSlots.Slot slot = slots.get(index);
    if (slot.digest(what.position, what.first, what.count, RawMemory.ALL, address) != sliceDigest) {
      return false;
    }
    for (int piece = coverage.firstMissing(index, what.first);
        piece < what.first + what.count;
        piece = coverage.firstMissing(index, piece + 1)) {
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
      coverage.mark(index, piece, 1);
    }
    return true;
  }

  /** The digest that the whole slot must have; false where another one was promised before. */
  boolean promise(int index, long slotDigest) {
    if (promised[index] && promisedDigest[index] != slotDigest) {
      return false;
    }
    promised[index] = true;
    promisedDigest[index] = slotDigest;
    return true;
  }

  /** Looks whether a slot is whole now; false where it is and differs from what was promised. */
  boolean check(int index) {
    if (!promised[index] || !coverage.isFull(index) || whole[index]) {
      return true;
    }
    StateSlots.Slot slot = slots.get(index);
    if (digest[index] != promisedDigest[index]) {
      return false;
    }
    if (slot.isFixed()) {
      fixedAt.setRelease(index, position[index]);
      coveredTokens = anywhere ? goingOn() : coveredTokens;
      if (position[index] < endToken) {
        return true;
      }
    }
    whole[index] = true;
    wholeSlots++;
    int layer = slot.layer() - fromLayer;
    missingSlots.setRelease(layer, missingSlots.getPlain(layer) - 1);
    return true;
  }

  boolean isWhole() {
    return wholeSlots == slots.count();
  }

  /** All that was ordered is there. */
  void coverAll() {
    coveredTokens = endToken;
  }

  /** The most tokens behind which all slots allow to go on. */
  private int goingOn() {
    int least = endToken;
    int fixed = -1;
    boolean unlike = false;
    for (int i = 0; i < slots.count(); i++) {
      if (!slots.get(i).isFixed()) {
        least = Math.min(least, coverage.prefix(i));
      } else {
        unlike |= fixed >= 0 && fixedAt.getPlain(i) != fixed;
        fixed = fixedAt.getPlain(i);
        unlike |= fixed < 0;
      }
    }
    if (!hasFixed) {
      return least;
    }
    return unlike || fixed > least ? firstToken : fixed;
  }
}
