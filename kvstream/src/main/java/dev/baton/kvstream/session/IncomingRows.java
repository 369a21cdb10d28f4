package dev.baton.kvstream.session;

import dev.baton.arch.StateTable;
import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.PrefillOrder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.agrona.collections.IntArrayList;

/**
 * Boundary rows of one order at the node that gave it, in a window. Written by the stream thread,
 * read by any other as far as {@link #tokens} says.
 */
final class IncomingRows {
  private final int layer;
  private final int first;
  private final int end;
  private final int rowBytes;
  private final RowWindow window;
  private final Coverage coverage;
  private long digest;
  private long promisedDigest;
  private int limit;
  private volatile int tokens;
  private volatile int taken;

  /**
   * @param bytes of rows that are kept, about
   * @param arena of the window's memory
   */
  IncomingRows(PrefillOrder order, StateTable table, long bytes, Arena arena) {
    this.layer = order.stage().toLayer();
    this.first = order.firstRow();
    this.end = order.tokens().length;
    this.rowBytes = OutgoingRows.rowBytes(order, table);
    int capacity = RowWindow.capacity(end - first, order.chunks().largestTokens(), rowBytes, bytes);
    this.window =
        new RowWindow(first, capacity, rowBytes, arena.allocate((long) capacity * rowBytes, 64));
    this.coverage = new Coverage(new int[] {first}, new int[] {end});
    this.limit = Math.min(end, first + capacity);
    this.tokens = order.firstToken();
    this.taken = first;
  }

  // For any thread.

  /** Tokens before this one have their rows here, of those that were ordered. */
  int tokens() {
    return tokens;
  }

  void copy(int firstToken, int count, MemorySegment dst, long dstOffset) {
    if (firstToken < taken || count < 0 || firstToken + count > tokens) {
      throw new IllegalArgumentException(
          "boundary rows of tokens ["
              + firstToken
              + ", "
              + (firstToken + count)
              + ") where ["
              + taken
              + ", "
              + tokens
              + ") are there");
    }
    window.get(firstToken, count, dst, dstOffset);
  }

  /** Rows of tokens before this one are not needed any more. */
  void release(int token) {
    taken = Math.clamp(token, taken, end);
  }

  // For the stream thread.

  int rowBytes() {
    return rowBytes;
  }

  /** Rows that were ordered. */
  int count() {
    return end - first;
  }

  boolean isOrdered(int from, int rows) {
    return rows >= 1 && from >= first && from < end && rows <= end - from;
  }

  /** Rows of tokens before this one may be sent. */
  int limit() {
    return limit;
  }

  /** The limit that there is room for, never less than before. */
  int nextLimit() {
    return Math.max(limit, roomUntil());
  }

  /** Whether a higher limit is worth telling: an eighth of the window, or any that there is. */
  boolean isLimitDue(boolean anyWorth) {
    int more = roomUntil() - limit;
    return more > 0 && (anyWorth || more >= window.capacity() / 8);
  }

  /** The sender is told this limit. */
  void limit(int rowsLimit) {
    limit = rowsLimit;
  }

  /** The sender, who begins anew, is told what there is room for. */
  void renewLimit() {
    limit = roomUntil();
  }

  private int roomUntil() {
    return Math.min(end, taken + window.capacity());
  }

  /** Rows of tokens before this one are there. */
  int prefix() {
    return coverage.prefix(0);
  }

  long coveredBytes() {
    return (long) coverage.covered(0) * rowBytes;
  }

  void addMissing(IntArrayList ranges) {
    coverage.addMissing(ranges, 0, layer, StateSlots.ROWS, 0);
  }

  /** Whether the rows at an absolute address have this digest. */
  boolean isRight(int from, int rows, long rowsDigest, long address) {
    return RowDigest.ofHidden(layer, from, rows, rowBytes, RawMemory.ALL, address) == rowsDigest;
  }

  /** Takes rows whose digest is right; those that are there stay as they are. */
  void take(int from, int rows, long rowsDigest, long address) {
    if (coverage.count(0, from, rows) == 0) {
      window.put(from, rows, RawMemory.ALL, address);
      digest += rowsDigest;
    } else {
      for (int t = coverage.firstMissing(0, from);
          t < from + rows;
          t = coverage.firstMissing(0, t + 1)) {
        long at = address + (long) (t - from) * rowBytes;
        window.put(t, 1, RawMemory.ALL, at);
        digest += RowDigest.ofHidden(layer, t, 1, rowBytes, RawMemory.ALL, at);
      }
    }
    coverage.mark(0, from, rows);
  }

  /** Other threads may read what has come. */
  void publish() {
    if (coverage.prefix(0) > first) {
      tokens = coverage.prefix(0);
    }
  }

  boolean isFull() {
    return coverage.isFull(0);
  }

  /** The digest that all rows must have. */
  void promise(long rowsDigest) {
    promisedDigest = rowsDigest;
  }

  boolean isAsPromised() {
    return digest == promisedDigest;
  }
}
