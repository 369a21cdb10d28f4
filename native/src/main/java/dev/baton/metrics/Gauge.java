package dev.baton.metrics;

import java.util.function.LongSupplier;

/** How much there is of something; asked for when somebody looks, on that thread. */
public record Gauge(Series series, LongSupplier now) implements Meter {
  public long value() {
    return now.getAsLong();
  }
}
