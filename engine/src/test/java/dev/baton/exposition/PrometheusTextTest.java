package dev.baton.exposition;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.metrics.Buckets;
import dev.baton.metrics.Counter;
import dev.baton.metrics.Histogram;
import dev.baton.metrics.Meters;
import dev.baton.metrics.Series;
import org.junit.jupiter.api.Test;

class PrometheusTextTest {
  @Test
  void shouldWriteWhatPrometheusReads() {
    Meters meters = new Meters();
    Series requests = Series.of("baton_requests", "Requests.");
    Counter ended = meters.counter(requests.with("outcome", "end"));
    meters.gauge(Series.of("baton_blocks", "Blocks."), () -> 7);
    Counter failed = meters.counter(requests.with("outcome", "failed"));
    Histogram times =
        meters.histogram(Series.of("baton_time_seconds", "Times."), Buckets.ofMilliseconds(1, 2.5));
    ended.add(3);
    failed.increment();
    times.record(900_000);
    times.record(2_500_000);
    times.record(4_000_000_000L);
    assertEquals(
        """
        # HELP baton_blocks Blocks.
        # TYPE baton_blocks gauge
        baton_blocks 7.0
        # HELP baton_requests_total Requests.
        # TYPE baton_requests_total counter
        baton_requests_total{outcome="end"} 3.0
        baton_requests_total{outcome="failed"} 1.0
        # HELP baton_time_seconds Times.
        # TYPE baton_time_seconds histogram
        baton_time_seconds_bucket{le="0.001"} 1
        baton_time_seconds_bucket{le="0.0025"} 2
        baton_time_seconds_bucket{le="+Inf"} 3
        baton_time_seconds_count 3
        baton_time_seconds_sum 4.0034
        """,
        PrometheusText.of(meters));
  }

  @Test
  void shouldWriteNothingWhereThereIsNothing() {
    assertEquals("", PrometheusText.of(new Meters()));
  }
}
