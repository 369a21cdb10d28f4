package dev.baton.metrics;

import java.util.function.LongSupplier;

/** A counter that is kept elsewhere; asked for when somebody looks, on that thread. */
public final class ObservableCounter implements Meter {
  private final Series series;
  private final LongSupplier now;

  ObservableCounter(Series series, LongSupplier now) {
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
