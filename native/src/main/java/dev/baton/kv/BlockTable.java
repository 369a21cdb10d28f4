package dev.baton.kv;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * The numbers of a sequence's blocks, in memory that kernels read and that never moves: it has room
 * for the longest that the sequence may become. Entries without a block hold a number that no
 * kernel takes.
 *
 * <p>Changed under the pool's lock alone; read by any thread.
 */
final class BlockTable {
  private static final int NONE = -1;

  private final MemorySegment numbers; // int32
  private final int capacity;
  private volatile int length;

  BlockTable(int capacity) {
    this.capacity = capacity;
    long bytes = (long) capacity * Integer.BYTES;
    this.numbers = Arena.ofAuto().allocate(bytes, Long.BYTES).fill((byte) NONE);
  }

  MemorySegment numbers() {
    return numbers;
  }

  /** Blocks there is room for. */
  int capacity() {
    return capacity;
  }

  /** Blocks there are. */
  int length() {
    return length;
  }

  int get(int index) {
    return numbers.getAtIndex(ValueLayout.JAVA_INT, Objects.checkIndex(index, length));
  }

  void set(int index, int block) {
    numbers.setAtIndex(ValueLayout.JAVA_INT, Objects.checkIndex(index, length), block);
  }

  void append(int block) {
    int at = length;
    numbers.setAtIndex(ValueLayout.JAVA_INT, Objects.checkIndex(at, capacity), block);
    length = at + 1;
  }

  /** Takes the last block out. */
  int removeLast() {
    int last = length - 1;
    int block = get(last);
    length = last;
    numbers.setAtIndex(ValueLayout.JAVA_INT, last, NONE);
    return block;
  }
}
