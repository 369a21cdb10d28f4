package dev.baton.plot;

import java.util.ArrayList;
import java.util.List;

/**
 * An axis on which a doubling is the same everywhere.
 *
 * @param low the value at {@code from}
 * @param high the value at {@code to}
 * @param from pixels
 * @param to pixels, on either side
 */
public record LogAxis(double low, double high, double from, double to) {
  public LogAxis {
    if (!(low > 0 && high > low)) {
      throw new IllegalArgumentException("an axis goes from above 0 to more than that");
    }
  }

  /** One that holds values from {@code low} to {@code high} with some room on both sides. */
  public static LogAxis around(double low, double high, double from, double to) {
    double room = Math.max(1.08, Math.pow(high / low, 0.04));
    return new LogAxis(low / room, high * room, from, to);
  }

  /** Where a value is, in pixels; what is outside is at the end. */
  public double at(double value) {
    double share = Math.log(value / low) / Math.log(high / low);
    return from + Math.clamp(share, 0, 1) * (to - from);
  }

  /** Round values to write beside it: 1, 2 and 5 of each power of ten, or 1 where that is many. */
  public List<Double> ticks() {
    boolean wide = high / low > 500;
    List<Double> ticks = new ArrayList<>();
    for (double decade = Math.pow(10, Math.floor(Math.log10(low))); decade <= high; decade *= 10) {
      for (double step : wide ? new double[] {1} : new double[] {1, 2, 5}) {
        if (decade * step >= low && decade * step <= high) {
          ticks.add(decade * step);
        }
      }
    }
    return ticks;
  }
}
