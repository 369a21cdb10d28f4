package dev.baton.exposition;

import dev.baton.metrics.Counter;
import dev.baton.metrics.Gauge;
import dev.baton.metrics.Histogram;
import dev.baton.metrics.Meter;
import dev.baton.metrics.Meters;
import dev.baton.metrics.ObservableCounter;
import dev.baton.metrics.Series;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.DataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes meters in Prometheus' text format, version 0.0.4. Any thread. */
public final class PrometheusText {
  /** For who sends it over HTTP. */
  public static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

  private PrometheusText() {}

  /** All meters as they are now, by name. */
  public static String of(Meters meters) {
    Map<String, List<Meter>> byName = new LinkedHashMap<>();
    for (Meter meter : meters.all()) {
      byName.computeIfAbsent(meter.series().name(), _ -> new ArrayList<>()).add(meter);
    }
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    byName.values().forEach(series -> all.metricSnapshot(snapshot(series)));
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    try {
      PrometheusTextFormatWriter.create().write(text, all.build());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // there is no disk in it
    }
    return text.toString(StandardCharsets.UTF_8);
  }

  /** All series of a name, which are of one kind. */
  private static MetricSnapshot snapshot(List<Meter> series) {
    Series first = series.getFirst().series();
    MetricMetadata metadata = new MetricMetadata(first.name(), first.help());
    return switch (series.getFirst()) {
      case Counter _, ObservableCounter _ ->
          new CounterSnapshot(metadata, points(series, CounterDataPointSnapshot.class));
      case Gauge _ -> new GaugeSnapshot(metadata, points(series, GaugeDataPointSnapshot.class));
      case Histogram _ ->
          new HistogramSnapshot(metadata, points(series, HistogramDataPointSnapshot.class));
    };
  }

  private static <P extends DataPointSnapshot> List<P> points(List<Meter> series, Class<P> type) {
    return series.stream().map(PrometheusText::point).map(type::cast).toList();
  }

  private static DataPointSnapshot point(Meter meter) {
    Labels labels =
        meter.series().label().isEmpty()
            ? Labels.EMPTY
            : Labels.of(meter.series().label(), meter.series().value());
    return switch (meter) {
      case Counter counter ->
          CounterDataPointSnapshot.builder().labels(labels).value((double) counter.value()).build();
      case ObservableCounter counter ->
          CounterDataPointSnapshot.builder().labels(labels).value((double) counter.value()).build();
      case Gauge gauge ->
          GaugeDataPointSnapshot.builder().labels(labels).value((double) gauge.value()).build();
      case Histogram histogram -> {
        double perUnit = histogram.buckets().perUnit();
        yield HistogramDataPointSnapshot.builder()
            .labels(labels)
            .classicHistogramBuckets(buckets(histogram, perUnit))
            .sum(histogram.sum() / perUnit)
            .build();
      }
    };
  }

  private static ClassicHistogramBuckets buckets(Histogram histogram, double perUnit) {
    long[] bounds = histogram.buckets().bounds();
    long[] counts = histogram.counts();
    ClassicHistogramBuckets.Builder buckets = ClassicHistogramBuckets.builder();
    for (int i = 0; i < bounds.length; i++) {
      buckets.bucket(bounds[i] / perUnit, counts[i]);
    }
    return buckets.bucket(Double.POSITIVE_INFINITY, counts[bounds.length]).build();
  }
}
