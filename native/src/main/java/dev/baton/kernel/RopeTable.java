package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Cosines and sines for rotary position embedding, computed with {@link StrictMath} so that every
 * machine has the same bits. Rows are filled as positions are first needed: a long context costs
 * nothing until it is used. Any thread. Source: Su et al., "RoFormer" (2021).
 */
public final class RopeTable {
  private static final int FILL_STEP = 64;

  private final int positions;
  private final double[] frequencies;
  private final MemorySegment table;
  private volatile int filled;

  /**
   * @param positions rows there may be: the model's context length
   * @param frequencies radians per position for each pair
   * @param arena owns the table
   */
  public RopeTable(int positions, double[] frequencies, Arena arena) {
    this.positions = positions;
    this.frequencies = frequencies.clone();
    this.table =
        PageMemory.reserve(
            Math.max(1L, (long) positions * frequencies.length * 2 * Float.BYTES), arena);
  }

  /** Rows there may be. */
  public int positions() {
    return positions;
  }

  /** Rotated pairs per head. */
  public int pairs() {
    return frequencies.length;
  }

  /**
   * The table, (positions, pairs, 2): cosine, then sine. Rows [0, upTo) may be read.
   *
   * @throws IndexOutOfBoundsException past {@link #positions}
   */
  public MemorySegment rows(int upTo) {
    if (upTo > positions) {
      throw new IndexOutOfBoundsException(
          "position " + (upTo - 1) + " is outside a rope table of " + positions);
    }
    if (upTo > filled) {
      extend(upTo);
    }
    return table;
  }

  private synchronized void extend(int upTo) {
    int to = Math.min(positions, Math.ceilDiv(upTo, FILL_STEP) * FILL_STEP);
    long at = (long) filled * frequencies.length * 2 * Float.BYTES;
    for (int p = filled; p < to; p++) {
      for (double frequency : frequencies) {
        double angle = p * frequency;
        table.set(ValueLayout.JAVA_FLOAT, at, (float) StrictMath.cos(angle));
        table.set(ValueLayout.JAVA_FLOAT, at + Float.BYTES, (float) StrictMath.sin(angle));
        at += 2 * Float.BYTES;
      }
    }
    if (to > filled) {
      filled = to;
    }
  }
}
