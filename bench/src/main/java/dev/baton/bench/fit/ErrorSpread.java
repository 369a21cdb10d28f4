package dev.baton.bench.fit;

import dev.baton.bench.fit.Holdout.Tested;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How far predictions were off, as shares of what was observed.
 *
 * @param count predictions
 * @param mean of the absolute errors (MAPE)
 * @param p90 nine of ten are not further off
 */
record ErrorSpread(int count, double mean, double p90) {
  static ErrorSpread of(List<Tested> tested) {
    double[] sizes = tested.stream().mapToDouble(t -> Math.abs(t.error())).sorted().toArray();
    if (sizes.length == 0) {
      throw new IllegalArgumentException("nothing was predicted");
    }
    int nine = (int) Math.ceil(0.9 * sizes.length) - 1;
    return new ErrorSpread(sizes.length, Arrays.stream(sizes).sum() / sizes.length, sizes[nine]);
  }

  /** "8.2 / 17" in percent. */
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.1f / %.0f", 100 * mean, 100 * p90);
  }
}
