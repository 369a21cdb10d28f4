package dev.baton.metrics;

import java.util.function.LongSupplier;

/** How much there is of something; asked for when somebody looks, on that thread. */
public final class Gauge implements Meter {
  private final Series series;
  private final LongSupplier now;

  Gauge(Series series, LongSupplier now) {
    this.series = series;
    this.now = now;
  }

  @Override
  public Series series() {
    return series;
  }

  public long value() {
    return now.getAsLong();
  }
}
