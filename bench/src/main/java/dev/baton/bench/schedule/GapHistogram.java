package dev.baton.bench.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How many gaps were how long.
 *
 * @param upToMs the longest of each class; the last one has all beyond the one before
 * @param counts gaps in each
 */
record GapHistogram(List<Double> upToMs, List<Integer> counts) {
  private static final double[] CLASSES_MS = {
    1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 500, 1000, 2000, 5000, 60_000
  };
  private static final int BAR = 40;

  static GapHistogram of(double[] gapsMs) {
    Integer[] counts = new Integer[CLASSES_MS.length];
    Arrays.fill(counts, 0);
    for (double gap : gapsMs) {
      int at = 0;
      while (at < CLASSES_MS.length - 1 && gap > CLASSES_MS[at]) {
        at++;
      }
      counts[at]++;
    }
    return new GapHistogram(
        Arrays.stream(CLASSES_MS).boxed().toList(), Arrays.stream(counts).toList());
  }

  /** A line a class, from the first that has a gap to the last. */
  List<String> lines() {
    int most = Math.max(1, counts.stream().mapToInt(Integer::intValue).max().orElse(1));
    List<String> lines = new ArrayList<>();
    int last = counts.size() - 1;
    while (last > 0 && counts.get(last) == 0) {
      last--;
    }
    for (int i = 0; i <= last; i++) {
      if (counts.get(i) > 0 || !lines.isEmpty()) {
        int bar = (int) Math.ceil((double) BAR * counts.get(i) / most);
        lines.add(
            String.format(
                Locale.ROOT, "%8.0f ms %7d %s", upToMs.get(i), counts.get(i), "#".repeat(bar)));
      }
    }
    return lines;
  }

  /** The nearest rank. */
  static double quantile(double[] sortedMs, double part) {
    int rank = (int) Math.ceil(part * sortedMs.length);
    return sortedMs[Math.clamp(rank - 1, 0, sortedMs.length - 1)];
  }
}
