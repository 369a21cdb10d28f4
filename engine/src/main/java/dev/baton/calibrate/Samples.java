package dev.baton.calibrate;

import java.util.Arrays;

/** What repeated runs of one request took. */
final class Samples {
  /** Runs that agree so well need no further one. */
  private static final double AGREEMENT = 0.03;

  /** Two may agree by being disturbed alike. */
  private static final int LEAST_RUNS = 3;

  private static final int MOST_RUNS = 7;

  private double[] values = new double[0];

  void add(double value) {
    values = Arrays.copyOf(values, values.length + 1);
    values[values.length - 1] = value;
  }

  double last() {
    return values[values.length - 1];
  }

  int runs() {
    return values.length;
  }

  /** True when one more run would say nothing new, or too many were had already. */
  boolean isSettled() {
    return values.length >= MOST_RUNS || (values.length >= LEAST_RUNS && spread() <= AGREEMENT);
  }

  double median() {
    return median(values);
  }

  /** How far a run usually is from the median, as a share of it; unknown counts as large. */
  double spread() {
    double median = median();
    if (values.length < 2) {
      return 2 * AGREEMENT;
    }
    double[] off = new double[values.length];
    for (int i = 0; i < off.length; i++) {
      off[i] = Math.abs(values[i] - median);
    }
    Arrays.sort(off);
    // Of few runs the half that is farther: two would always agree by the other half.
    return median == 0 ? 0 : off[off.length / 2] / Math.abs(median);
  }

  /**
   * How far off the median is likely to be, as a share of it: disturbances of single runs say
   * little of what a node usually takes.
   */
  double error() {
    return spread() / Math.sqrt(values.length);
  }

  private static double median(double[] of) {
    double[] sorted = of.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }
}
