package dev.baton.kv;

import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which free block a sequence takes. In host memory the lowest, whose pages are there already. On a
 * device the one behind its last, so that attention reads a run of blocks in place; where that is
 * not free, it goes on where there is room for all that it may become, and for what the open
 * sequences may become that stand before that room.
 *
 * <p>Guarded by the pool's lock.
 */
final class BlockPlacement {
  private final BitSet taken;
  private final int blocks;
  private final boolean inRuns;
  private final Set<BlockTable> open = new HashSet<>(); // on a device

  /**
   * @param taken of so many blocks; the pool's
   * @param inRuns whether blocks should follow each other
   */
  BlockPlacement(BitSet taken, int blocks, boolean inRuns) {
    this.taken = taken;
    this.blocks = blocks;
    this.inRuns = inRuns;
  }

  void opened(BlockTable table) {
    if (inRuns) {
      open.add(table);
    }
  }

  void closed(BlockTable table) {
    open.remove(table);
  }

  /** Sequences that are reckoned with. */
  int open() {
    return open.size();
  }

  /** True where a block is wanted that follows another one, and that one is not free. */
  boolean breaksOff(BlockTable table, int index) {
    return inRuns && (index == 0 || !isFree(table.get(index - 1) + 1));
  }

  private boolean isFree(int block) {
    return block < blocks && !taken.get(block);
  }

  /**
   * The block to be a table's number {@code index}; one at least is free.
   *
   * @param index of the blocks it has, or the next one
   */
  int choose(BlockTable table, int index) {
    if (!inRuns) {
      return taken.nextClearBit(0);
    }
    if (!breaksOff(table, index)) {
      return table.get(index - 1) + 1;
    }
    boolean isLast = index >= table.length() - 1;
    return start(table, isLast ? table.capacity() - index : 1);
  }

  /** The smallest room for so many blocks that nobody else may want; else the largest room. */
  private int start(BlockTable table, int wanted) {
    Map<Integer, Integer> growth = growth(table);
    int fit = -1;
    int fitRoom = Integer.MAX_VALUE;
    int most = -1;
    int mostRoom = 0;
    for (int from = taken.nextClearBit(0); from < blocks; ) {
      int next = taken.nextSetBit(from);
      int end = next < 0 ? blocks : next;
      int others = Math.min(growth.getOrDefault(from, 0), end - from);
      int room = end - from - others;
      if (room >= wanted && room < fitRoom) {
        fit = from + others;
        fitRoom = room;
      }
      int shared = end - from - Math.min(others, (end - from) / 2);
      if (shared > mostRoom) {
        most = end - Math.min(shared, wanted);
        mostRoom = shared;
      }
      from = taken.nextClearBit(end);
    }
    return fit >= 0 ? fit : most;
  }

  /** How many blocks others may still take, by the number of the first of them. */
  private Map<Integer, Integer> growth(BlockTable but) {
    Map<Integer, Integer> growth = new HashMap<>();
    for (BlockTable table : open) {
      int length = table.length();
      if (table != but && length > 0 && length < table.capacity()) {
        growth.merge(table.get(length - 1) + 1, table.capacity() - length, Math::max);
      }
    }
    return growth;
  }
}
