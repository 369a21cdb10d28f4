package dev.baton.text;

import java.util.Arrays;

/**
 * Which neighbouring symbols merge: (left, right) → (rank, merged), an open-addressing hash table
 * of longs. Symbols and ranks are 0 or more; a smaller rank merges first. Filled by one thread,
 * then read by any.
 */
final class MergeTable {
  /** What {@link #find} answers where a pair does not merge. */
  static final long NONE = -1;

  private long[] pairs;
  private long[] merges;
  private int size;

  MergeTable(int expectedPairs) {
    int capacity = Integer.highestOneBit(Math.max(8, expectedPairs) * 2 - 1);
    pairs = filled(capacity);
    merges = new long[capacity];
  }

  /** Adds a merge; the first one of a pair stays. */
  void put(int left, int right, int rank, int merged) {
    if (size * 3L >= pairs.length * 2L) {
      grow();
    }
    int slot = slotOf(pack(left, right));
    if (pairs[slot] == NONE) {
      pairs[slot] = pack(left, right);
      merges[slot] = pack(rank, merged);
      size++;
    }
  }

  /**
   * The merge of a pair, to be taken apart with {@link #rank} and {@link #merged}, or {@link
   * #NONE}.
   */
  long find(int left, int right) {
    if (left < 0 || right < 0) {
      return NONE;
    }
    int slot = slotOf(pack(left, right));
    return pairs[slot] == NONE ? NONE : merges[slot];
  }

  /** The rank in a merge; -1 of {@link #NONE}. */
  static int rank(long merge) {
    return (int) (merge >> Integer.SIZE);
  }

  static int merged(long merge) {
    return (int) merge;
  }

  private int slotOf(long pair) {
    long mixed = pair * 0x9E3779B97F4A7C15L;
    int slot = (int) (mixed >>> Integer.SIZE) & (pairs.length - 1);
    while (pairs[slot] != NONE && pairs[slot] != pair) {
      slot = (slot + 1) & (pairs.length - 1);
    }
    return slot;
  }

  private void grow() {
    long[] oldPairs = pairs;
    long[] oldMerges = merges;
    pairs = filled(oldPairs.length * 2);
    merges = new long[oldPairs.length * 2];
    for (int i = 0; i < oldPairs.length; i++) {
      if (oldPairs[i] != NONE) {
        int slot = slotOf(oldPairs[i]);
        pairs[slot] = oldPairs[i];
        merges[slot] = oldMerges[i];
      }
    }
  }

  private static long[] filled(int capacity) {
    long[] pairs = new long[capacity];
    Arrays.fill(pairs, NONE);
    return pairs;
  }

  private static long pack(int high, int low) {
    return (long) high << Integer.SIZE | low;
  }
}
