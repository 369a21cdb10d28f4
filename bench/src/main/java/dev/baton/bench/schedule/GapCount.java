package dev.baton.bench.schedule;

import java.util.Arrays;

/** Gaps between tokens, each of them. One thread records, others read once it rests. */
final class GapCount {
  private long[] gapsNs = new long[1 << 16];
  private int count;
  private volatile boolean counting;

  /** Whether gaps count from now on. */
  void counting(boolean on) {
    counting = on;
  }

  void record(long gapNs) {
    if (!counting) {
      return;
    }
    if (count == gapsNs.length) {
      gapsNs = Arrays.copyOf(gapsNs, 2 * count);
    }
    gapsNs[count++] = gapNs;
  }

  /** In milliseconds, ascending. */
  double[] sortedMs() {
    return Arrays.stream(gapsNs, 0, count).sorted().mapToDouble(ns -> ns / 1e6).toArray();
  }
}
