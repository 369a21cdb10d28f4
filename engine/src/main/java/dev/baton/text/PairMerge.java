package dev.baton.text;

import java.util.Arrays;

/**
 * Merges the symbols of one word: of all neighbours that merge, the pair of smallest rank first,
 * the leftmost of equals, until none is left. A heap of candidates keeps it at O(n log n) for n
 * symbols.
 *
 * <p>Use: {@link #clear}, {@link #add} each symbol, {@link #merge}, then walk from 0 with {@link
 * #next} while it is not {@link #END}. One thread; kept and used again for the next word.
 */
final class PairMerge {
  static final int END = -1;

  private final MergeTable table;
  private int size;
  private int[] symbols = new int[64];
  private int[] previous = new int[64];
  private int[] next = new int[64];

  /** For each symbol, how it merges with its right neighbour now. */
  private long[] merges = new long[64];

  /**
   * A binary heap of (rank, index of the left symbol); stale where the rank is no longer that of
   * the index.
   */
  private long[] heap = new long[128];

  private int heapSize;

  PairMerge(MergeTable table) {
    this.table = table;
  }

  void clear() {
    size = 0;
  }

  /**
   * @param symbol 0 or more, or negative for one that never merges
   */
  void add(int symbol) {
    if (size == symbols.length) {
      int capacity = size * 2;
      symbols = Arrays.copyOf(symbols, capacity);
      previous = Arrays.copyOf(previous, capacity);
      next = Arrays.copyOf(next, capacity);
      merges = Arrays.copyOf(merges, capacity);
    }
    symbols[size++] = symbol;
  }

  int size() {
    return size;
  }

  int symbol(int index) {
    return symbols[index];
  }

  int next(int index) {
    return next[index];
  }

  void merge() {
    heapSize = 0;
    for (int i = 0; i < size; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < size ? i + 1 : END;
    }
    for (int i = 0; i < size; i++) {
      consider(i);
    }
    while (heapSize > 0) {
      long best = pop();
      int left = (int) best;
      if (MergeTable.rank(merges[left]) == (int) (best >> Integer.SIZE)) {
        join(left);
      }
    }
  }

  private void join(int left) {
    int right = next[left];
    symbols[left] = MergeTable.merged(merges[left]);
    merges[right] = MergeTable.NONE;
    next[left] = next[right];
    if (next[left] != END) {
      previous[next[left]] = left;
    }
    consider(left);
    if (previous[left] != END) {
      consider(previous[left]);
    }
  }

  private void consider(int left) {
    long merge =
        next[left] == END ? MergeTable.NONE : table.find(symbols[left], symbols[next[left]]);
    merges[left] = merge;
    if (merge != MergeTable.NONE) {
      push((long) MergeTable.rank(merge) << Integer.SIZE | left);
    }
  }

  private void push(long candidate) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, heapSize * 2);
    }
    int at = heapSize++;
    while (at > 0 && heap[(at - 1) >> 1] > candidate) {
      heap[at] = heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    heap[at] = candidate;
  }

  private long pop() {
    final long top = heap[0];
    long moved = heap[--heapSize];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= moved) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
    return top;
  }
}
