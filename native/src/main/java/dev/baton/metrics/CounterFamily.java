package dev.baton.metrics;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * Counters of one metric, one for each of an enum's values. All are there from the start: what
 * never happened is 0, not missing. Any thread; nothing is allocated.
 */
public final class CounterFamily<K extends Enum<K>> {
  private final Map<K, Counter> counters;

  CounterFamily(Meters meters, Series metric, String label, Class<K> kinds) {
    counters = new EnumMap<>(kinds);
    for (K kind : kinds.getEnumConstants()) {
      counters.put(kind, meters.counter(metric.with(label, kind.name().toLowerCase(Locale.ROOT))));
    }
  }

  public Counter of(K kind) {
    return Objects.requireNonNull(counters.get(kind));
  }
}
