package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Cosines and sines for rotary position embedding, computed once with {@link StrictMath} so that every machine has the
 * same bits. Source: Su et al., "RoFormer" (2021).
 */
public final class RopeTable {
  private final int positions;
  private final int pairs;
  private final MemorySegment table;

  /**
   * @param positions rows: the model's context length
   * @param frequencies radians per position for each pair
   * @param arena owns the table
   */
  public RopeTable(int positions, double[] frequencies, Arena arena) {
    this.positions = positions;
    this.pairs = frequencies.length;
    this.table = arena.allocate(Math.max(1L, (long) positions * pairs * 2 * Float.BYTES), 64);
    long at = 0;
    for (int p = 0; p < positions; p++) {
      for (double frequency : frequencies) {
        double angle = p * frequency;
        table.set(ValueLayout.JAVA_FLOAT, at, (float) StrictMath.cos(angle));
        table.set(ValueLayout.JAVA_FLOAT, at + Float.BYTES, (float) StrictMath.sin(angle));
        at += 2 * Float.BYTES;
      }
    }
  }

  public int positions() {
    return positions;
  }

  /** Rotated pairs per head. */
  public int pairs() {
    return pairs;
  }

  /** (positions, pairs, 2): cosine, then sine. */
  public MemorySegment table() {
    return table;
  }
}
