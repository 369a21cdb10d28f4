package dev.baton.metrics;

import java.util.Arrays;

/**
 * What a histogram tells apart.
 *
 * @param perUnit so much of what is recorded is one of the unit it is shown in: {@code 1e9} for
 *     nanoseconds shown as seconds
 * @param bounds ascending, inclusive, in what is recorded; more than the last is a bucket of its
 *     own
 */
public record Buckets(double perUnit, long... bounds) {
  public static final double NS_PER_SECOND = 1e9;

  /** What requests and their parts take. */
  public static final Buckets REQUEST_TIMES =
      ofMilliseconds(
          1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
          120_000);

  public Buckets {
    bounds = bounds.clone();
    for (int i = 1; i < bounds.length; i++) {
      if (bounds[i] <= bounds[i - 1]) {
        throw new IllegalArgumentException("bounds do not ascend: " + Arrays.toString(bounds));
      }
    }
  }

  /** Durations, recorded in nanoseconds and shown in seconds. */
  public static Buckets ofMilliseconds(double... bounds) {
    return new Buckets(
        NS_PER_SECOND, Arrays.stream(bounds).mapToLong(ms -> Math.round(ms * 1e6)).toArray());
  }

  /** Ratios, recorded in thousandths and shown as they are. */
  public static Buckets ofThousandths(long... bounds) {
    return new Buckets(1e3, bounds);
  }

  @Override
  public long[] bounds() {
    return bounds.clone();
  }

  int count() {
    return bounds.length + 1;
  }

  /** The bucket that a value belongs to. */
  int of(long value) {
    int at = 0;
    while (at < bounds.length && value > bounds[at]) {
      at++;
    }
    return at;
  }
}
