package dev.baton.metrics;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;

/**
 * All figures of a node. They are made once, at its start, by what records in them; who shows them
 * reads {@link #all}. Any thread. Where nobody looks, recording costs a few nanoseconds.
 */
public final class Meters {
  private final List<Meter> all = new CopyOnWriteArrayList<>();

  public Counter counter(Series series) {
    return add(new Counter(series));
  }

  /**
   * @param metric without a label
   * @param kinds its values in lower case are the label's
   */
  public <K extends Enum<K>> CounterFamily<K> counters(
      Series metric, String label, Class<K> kinds) {
    return new CounterFamily<>(this, metric, label, kinds);
  }

  /**
   * @param now a number that only grows, asked for on the thread that looks; may not wait
   */
  public ObservableCounter counter(Series series, LongSupplier now) {
    return add(new ObservableCounter(series, now));
  }

  /**
   * @param now asked on the thread that looks; may not wait
   */
  public Gauge gauge(Series series, LongSupplier now) {
    return add(new Gauge(series, now));
  }

  public Histogram histogram(Series series, Buckets buckets) {
    return add(new Histogram(series, buckets));
  }

  private synchronized <M extends Meter> M add(M meter) {
    for (Meter other : all) {
      Series known = other.series();
      Series series = meter.series();
      boolean isSameName = known.name().equals(series.name());
      boolean isSameMetric =
          other.getClass() == meter.getClass()
              && known.help().equals(series.help())
              && known.label().equals(series.label())
              && !known.value().equals(series.value());
      if (isSameName && !isSameMetric) {
        throw new IllegalArgumentException(series + " is not another series of " + known);
      }
    }
    all.add(meter);
    return meter;
  }

  /** In the order in which they were made. */
  public List<Meter> all() {
    return List.copyOf(all);
  }
}
