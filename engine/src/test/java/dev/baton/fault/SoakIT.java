package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.GenerateRequest;
import dev.baton.Split;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Requests without a pause over a slightly lossy link, for {@code -Dbaton.soak.minutes} (10): the
 * memory of both processes must stay flat. Kept out of the normal run: {@code mvn -Psoak verify}.
 */
@Tag("soak")
@Timeout(value = 120, unit = TimeUnit.MINUTES)
class SoakIT {
  private static final int MINUTES = Integer.getInteger("baton.soak.minutes", 10);
  private static final long SAMPLE_NS = TimeUnit.SECONDS.toNanos(5);

  /** The JVM warms up, and its heap takes its size. */
  private static final double WARM_UP_SHARE = 0.3;

  private static final double HEAP_BOUND_MIB_PER_MINUTE = 0.25;
  private static final double RESIDENT_BOUND_MIB_PER_MINUTE = 3;

  /** Memory at a time: what lives on the heap here, and what both processes have of the machine. */
  private record Sample(double minutes, double heapMib, double hereMib, double nodeMib) {}

  @Test
  void shouldKeepItsMemoryFlat() {
    List<Sample> samples = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(41);
    long startNs = System.nanoTime();
    long requests = 0;
    try (RelayedNodes nodes = RelayedNodes.open(Duration.ofSeconds(8), 41)) {
      nodes.relay.suffer(new Fault.Loss(0.005));
      long endNs = startNs + TimeUnit.MINUTES.toNanos(MINUTES);
      long sampleNs = startNs;
      while (System.nanoTime() - endNs < 0) {
        int length = random.nextInt(1, 20) * 200;
        String prompt = RelayedNodes.WHOLE_CONTEXT.substring(0, length);
        Split split =
            random.nextBoolean() ? new Split.Remote() : new Split.At(random.nextInt(1, 6));
        GenerateRequest request = RelayedNodes.request(prompt, split);
        nodes.assertSameAnswer(request);
        requests++;
        if (System.nanoTime() - sampleNs >= 0) {
          sampleNs += SAMPLE_NS;
          samples.add(sample(nodes, startNs));
        }
      }
      nodes.assertNothingIsLeft();
    }
    List<Sample> warm = samples.subList((int) (samples.size() * WARM_UP_SHARE), samples.size());
    double[] minutes = warm.stream().mapToDouble(Sample::minutes).toArray();
    double heap = slope(minutes, warm.stream().mapToDouble(Sample::heapMib).toArray());
    double here = slopeOfLows(warm, Sample::hereMib);
    double node = slopeOfLows(warm, Sample::nodeMib);
    System.out.printf(
        Locale.ROOT,
        "%d requests in %d min; growth in MiB/min: heap %.3f, decode process %.3f, prefill process"
            + " %.3f; first and last sample %s %s%n",
        requests,
        MINUTES,
        heap,
        here,
        node,
        warm.getFirst(),
        warm.getLast());
    assertTrue(heap < HEAP_BOUND_MIB_PER_MINUTE, "the heap grows");
    assertTrue(here < RESIDENT_BOUND_MIB_PER_MINUTE, "the decode process grows");
    assertTrue(node < RESIDENT_BOUND_MIB_PER_MINUTE, "the prefill process grows");
  }

  private static Sample sample(RelayedNodes nodes, long startNs) {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return new Sample(
        (System.nanoTime() - startNs) / 60e9,
        (runtime.totalMemory() - runtime.freeMemory()) / 1048576.0,
        Footprint.residentKib(ProcessHandle.current().pid()) / 1024.0,
        Footprint.residentKib(nodes.node().process().pid()) / 1024.0);
  }

  /** Of each minute's least: what the heap does not need it gives back some time later. */
  private static double slopeOfLows(List<Sample> samples, ToDoubleFunction<Sample> memory) {
    TreeMap<Integer, Double> lows = new TreeMap<>();
    for (Sample sample : samples) {
      if (sample.minutes() < MINUTES) { // whole minutes only
        lows.merge((int) sample.minutes(), memory.applyAsDouble(sample), Math::min);
      }
    }
    return slope(
        lows.keySet().stream().mapToDouble(minute -> minute).toArray(),
        lows.values().stream().mapToDouble(low -> low).toArray());
  }

  /** Least squares. */
  private static double slope(double[] x, double[] y) {
    double meanX = java.util.Arrays.stream(x).average().orElseThrow();
    double meanY = java.util.Arrays.stream(y).average().orElseThrow();
    double up = 0;
    double down = 0;
    for (int i = 0; i < x.length; i++) {
      up += (x[i] - meanX) * (y[i] - meanY);
      down += (x[i] - meanX) * (x[i] - meanX);
    }
    return up / down;
  }
}
