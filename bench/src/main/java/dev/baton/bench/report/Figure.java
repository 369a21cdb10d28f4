package dev.baton.bench.report;

import org.jspecify.annotations.Nullable;

/**
 * One measured number.
 *
 * @param name what it is of
 * @param value its rounds
 * @param unit {@code MB/s}, {@code %}, {@code ms}, {@code x}
 * @param bar what it is to reach, or null where it only informs
 */
public record Figure(String name, Spread value, String unit, @Nullable Bar bar) {
  /** A limit that a figure has to reach, from below or from above. */
  public record Bar(boolean atLeast, double limit) {}

  public static Figure of(String name, Spread value, String unit) {
    return new Figure(name, value, unit, null);
  }

  public static Figure atLeast(double limit, String name, Spread value, String unit) {
    return new Figure(name, value, unit, new Bar(true, limit));
  }

  public static Figure atMost(double limit, String name, Spread value, String unit) {
    return new Figure(name, value, unit, new Bar(false, limit));
  }

  /** Whether the median reaches the bar; true where there is none. */
  public boolean isMet() {
    return bar == null
        || (bar.atLeast() ? value.median() >= bar.limit() : value.median() <= bar.limit());
  }
}
