package dev.baton.kvstream.session;

import java.lang.foreign.MemorySegment;

/**
 * Boundary rows on their way, in bounded memory: the row of token t stands at place {@code (t -
 * first) % capacity}. Who may write and read which, its users agree on.
 */
final class RowWindow {
  private final int first;
  private final int capacity;
  private final int rowBytes;
  private final MemorySegment memory;

  /**
   * Rows from {@code first} on.
   *
   * @param capacity as {@link #capacity} says
   * @param memory for as many rows
   */
  RowWindow(int first, int capacity, int rowBytes, MemorySegment memory) {
    this.first = first;
    this.capacity = capacity;
    this.rowBytes = rowBytes;
    this.memory = memory;
  }

  /**
   * Rows that a window for {@code rows} in chunks of {@code chunk} has.
   *
   * @param bytes about, unless chunks need more
   */
  static int capacity(int rows, int chunk, int rowBytes, long bytes) {
    long usual = Math.max(3L * chunk, bytes / rowBytes);
    return (int) Math.max(1, Math.min(rows, usual));
  }

  int capacity() {
    return capacity;
  }

  /** Where the token's row stands. */
  long offset(int token) {
    return (long) ((token - first) % capacity) * rowBytes;
  }

  /** Rows from this one on that stand one behind the other. */
  int run(int token) {
    return capacity - (token - first) % capacity;
  }

  MemorySegment memory() {
    return memory;
  }

  void put(int token, int count, MemorySegment src, long offset) {
    int now = Math.min(count, run(token));
    MemorySegment.copy(src, offset, memory, offset(token), (long) now * rowBytes);
    if (now < count) {
      put(token + now, count - now, src, offset + (long) now * rowBytes);
    }
  }

  void get(int token, int count, MemorySegment dst, long offset) {
    int now = Math.min(count, run(token));
    MemorySegment.copy(memory, offset(token), dst, offset, (long) now * rowBytes);
    if (now < count) {
      get(token + now, count - now, dst, offset + (long) now * rowBytes);
    }
  }
}
