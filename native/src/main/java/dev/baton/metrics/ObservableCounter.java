package dev.baton.metrics;

import java.util.function.LongSupplier;

/** A counter that is kept elsewhere; asked for when somebody looks, on that thread. */
public record ObservableCounter(Series series, LongSupplier now) implements Meter {
  public long value() {
    return now.getAsLong();
  }
}
