package dev.baton.metrics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MetersTest {
  private static final int THREADS = 4;
  private static final int RECORDS = 50_000;

  private final Meters meters = new Meters();
  private final Counter tokens = meters.counter(Series.of("baton_tokens", "Tokens."));
  private final Histogram times =
      meters.histogram(
          Series.of("baton_time_seconds", "Times."), Buckets.ofMilliseconds(1, 2.5, 10));

  private void record(int i) {
    tokens.increment();
    tokens.add(2);
    times.record(i % 12 * 1_000_000L);
  }

  @Test
  void shouldAllocateNothingWhenItRecords() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < RECORDS; i++) {
      record(i);
    }
    threads.getCurrentThreadAllocatedBytes();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < RECORDS; i++) {
      record(i);
    }
    assertEquals(0, threads.getCurrentThreadAllocatedBytes() - before);
  }

  @Test
  void shouldLoseNothingWhereManyThreadsRecord() throws InterruptedException {
    List<Thread> all = new ArrayList<>();
    for (int t = 0; t < THREADS; t++) {
      all.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < RECORDS; i++) {
                  record(i);
                }
              }));
    }
    for (Thread thread : all) {
      thread.join();
    }
    assertEquals(3L * THREADS * RECORDS, tokens.value());
    long counted = 0;
    for (long count : times.counts()) {
      counted += count;
    }
    assertEquals((long) THREADS * RECORDS, counted);
  }

  @Test
  void shouldCountABoundWithWhatIsBelowIt() {
    times.record(0);
    times.record(1_000_000);
    times.record(1_000_001);
    times.record(2_500_000);
    times.record(10_000_001);
    assertArrayEquals(new long[] {2, 2, 0, 1}, times.counts());
    assertEquals(14_500_002, times.sum());
  }

  @Test
  void shouldTakeSeriesOfOneMetricAndRefuseWhatIsNone() {
    Series blocks = Series.of("baton_blocks", "Blocks.");
    meters.gauge(blocks.with("state", "used"), () -> 1);
    meters.gauge(blocks.with("state", "free"), () -> 2);
    for (Series wrong :
        List.of(
            blocks.with("state", "used"),
            blocks,
            blocks.with("kind", "free"),
            new Series("baton_blocks", "Others.", "state", "other"))) {
      assertThrows(IllegalArgumentException.class, () -> meters.gauge(wrong, () -> 3));
    }
    assertThrows(
        IllegalArgumentException.class, () -> meters.counter(blocks.with("state", "counted")));
    assertEquals(4, meters.all().size());
  }

  @Test
  void shouldRefuseNamesThatNobodyCouldRead() {
    for (String name : List.of("", "Baton", "a-b", "1a", "a b")) {
      assertThrows(IllegalArgumentException.class, () -> Series.of(name, "It."));
    }
    assertThrows(IllegalArgumentException.class, () -> Buckets.ofThousandths(1, 3, 3));
  }
}
