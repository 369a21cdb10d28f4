package dev.baton.metrics;

import java.util.concurrent.atomic.AtomicLong;

/** How much there has been of something; it only grows. Any thread; nothing is allocated. */
public final class Counter implements Meter {
  private final Series series;
  private final AtomicLong value = new AtomicLong();

  Counter(Series series) {
    this.series = series;
  }

  @Override
  public Series series() {
    return series;
  }

  public void increment() {
    value.incrementAndGet();
  }

  /**
   * @param amount not negative
   */
  public void add(long amount) {
    value.addAndGet(amount);
  }

  public long value() {
    return value.get();
  }
}
