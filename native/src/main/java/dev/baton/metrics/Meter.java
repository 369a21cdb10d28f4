package dev.baton.metrics;

/** One figure that is looked at now and then. */
public sealed interface Meter permits Counter, ObservableCounter, Gauge, Histogram {
  Series series();
}
