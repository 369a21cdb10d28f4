package dev.baton.metrics;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/** How often something was how large. Any thread; nothing is allocated, nobody waits. */
public final class Histogram implements Meter {
  private final Series series;
  private final Buckets buckets;
  private final AtomicLongArray counts;
  private final AtomicLong sum = new AtomicLong();

  Histogram(Series series, Buckets buckets) {
    this.series = series;
    this.buckets = buckets;
    this.counts = new AtomicLongArray(buckets.count());
  }

  @Override
  public Series series() {
    return series;
  }

  public Buckets buckets() {
    return buckets;
  }

  /**
   * @param value in what the buckets' bounds are given in
   */
  public void record(long value) {
    counts.incrementAndGet(buckets.of(value));
    sum.addAndGet(value);
  }

  /** Values in each bucket, those past the last bound at the end. */
  public long[] counts() {
    long[] now = new long[counts.length()];
    for (int i = 0; i < now.length; i++) {
      now[i] = counts.get(i);
    }
    return now;
  }

  /** All values together, in what is recorded. */
  public long sum() {
    return sum.get();
  }
}
