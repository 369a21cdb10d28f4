package dev.baton.bench.report;

import java.util.Arrays;
import java.util.List;

/** What several rounds of one measurement gave: the median and the two ends. */
public record Spread(double median, double low, double high, int rounds) {
  /** Of at least one round. */
  public static Spread of(List<Double> rounds) {
    double[] sorted = rounds.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int n = sorted.length;
    if (n == 0) {
      throw new IllegalArgumentException("a spread needs at least one round");
    }
    double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return new Spread(median, sorted[0], sorted[n - 1], n);
  }

  public static Spread exactly(double value) {
    return new Spread(value, value, value, 1);
  }

  /** The same in a unit that is {@code factor} times smaller. */
  public Spread times(double factor) {
    return new Spread(median * factor, low * factor, high * factor, rounds);
  }

  /** Round by round ratios: what noise that hits neighbours alike leaves of the ratio. */
  public static Spread ofRatios(List<Double> numerators, List<Double> denominators) {
    double[] ratios = new double[Math.min(numerators.size(), denominators.size())];
    Arrays.setAll(ratios, i -> numerators.get(i) / denominators.get(i));
    return of(Arrays.stream(ratios).boxed().toList());
  }
}
