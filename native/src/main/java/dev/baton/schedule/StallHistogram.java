package dev.baton.schedule;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How often gaps between two tokens of an answer were how long, in steps of an eighth at most.
 * Recording allocates nothing and is one thread's; any thread may read, and sees a gap late rather
 * than wrong.
 */
public final class StallHistogram {
  private static final int STEP_BITS = 3;
  private static final int STEPS = 1 << STEP_BITS;

  private final AtomicLongArray counts = new AtomicLongArray(Long.SIZE << STEP_BITS);
  private final AtomicLong longestNs = new AtomicLong();

  /** Counts a gap; none where it is 0 or less. */
  public void record(long ns) {
    if (ns <= 0) {
      return;
    }
    int at = indexOf(ns);
    counts.lazySet(at, counts.getPlain(at) + 1);
    if (ns > longestNs.getPlain()) {
      longestNs.lazySet(ns);
    }
  }

  /** The longest gap so far; 0 before the first. */
  public long longestNs() {
    return longestNs.get();
  }

  /** Gaps counted so far. */
  public long count() {
    long sum = 0;
    for (int i = 0; i < counts.length(); i++) {
      sum += counts.get(i);
    }
    return sum;
  }

  /**
   * What this part of all gaps are no longer than, an eighth more at most.
   *
   * @param part 0..1
   */
  public long quantileNs(double part) {
    long longest = longestNs();
    long count = count();
    long beyond = Math.clamp((long) (count * (1 - part)), 0, Math.max(0, count - 1));
    for (int i = counts.length() - 1; i >= 0; i--) {
      beyond -= counts.get(i);
      if (beyond < 0) {
        return Math.min(longest, mostOf(i));
      }
    }
    return 0;
  }

  /** Small ones are their own class; above, a power of two and the three bits behind it. */
  private static int indexOf(long ns) {
    int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(ns | STEPS) - STEP_BITS;
    return (shift << STEP_BITS) + (int) (ns >> shift);
  }

  private static long mostOf(int index) {
    if (index < 2 * STEPS) {
      return index;
    }
    int shift = (index >> STEP_BITS) - 1;
    return ((index - ((long) shift << STEP_BITS) + 1) << shift) - 1;
  }
}
