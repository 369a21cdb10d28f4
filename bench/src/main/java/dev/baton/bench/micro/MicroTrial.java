package dev.baton.bench.micro;

import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.bench.report.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;

/**
 * One benchmark with one value of each parameter, measured.
 *
 * @param name of the benchmark
 * @param params in their order
 * @param rate of its iterations, in {@code unit}
 * @param unit of the rate
 * @param share of the machine's peak that comes closest to bounding it, or null where none does
 */
record MicroTrial(
    String name, Map<String, String> params, Spread rate, String unit, @Nullable Share share) {
  /**
   * Shares of a peak, iteration by iteration.
   *
   * @param of which peak
   * @param percent of it
   * @param peak itself, in {@link Ceiling#unit}
   */
  record Share(Ceiling of, Spread percent, Spread peak) {}

  private static final double BLOCK_OF_32_SHARE = 74;
  private static final double BLOCK_OF_256_SHARE = 70;
  private static final double ATTENTION_SHARE = 75;
  private static final double GIGA = 1e9;
  private static final double MEGA = 1e6;

  static MicroTrial of(MicroBenchmark benchmark, BenchmarkResult result) {
    Map<String, String> params = benchmark.paramsOf(result.getParams());
    List<IterationResult> iterations = List.copyOf(result.getIterationResults());
    Share share = closestShare(iterations);
    if (share != null) {
      Spread rate = spread(iterations, share.of.counter()).times(1 / GIGA);
      return new MicroTrial(benchmark.name(), params, rate, share.of.unit(), share);
    }
    if (has(iterations, MovedBytes.LABEL)) {
      Spread rate = spread(iterations, MovedBytes.LABEL).times(1 / MEGA);
      return new MicroTrial(benchmark.name(), params, rate, "MB/s", null);
    }
    Spread time = Spread.of(iterations.stream().map(i -> i.getPrimaryResult().getScore()).toList());
    return new MicroTrial(
        benchmark.name(), params, time, iterations.getFirst().getScoreUnit(), null);
  }

  /** A kernel takes at least as long as each of its ceilings says: the closest one bounds it. */
  private static @Nullable Share closestShare(List<IterationResult> iterations) {
    Share closest = null;
    for (Ceiling ceiling : Ceiling.values()) {
      if (has(iterations, ceiling.shareLabel())) {
        Spread percent = spread(iterations, ceiling.shareLabel());
        if (closest == null || percent.median() > closest.percent.median()) {
          Spread peak = spread(iterations, ceiling.peakLabel()).times(1 / GIGA);
          closest = new Share(ceiling, percent, peak);
        }
      }
    }
    return closest;
  }

  private static boolean has(List<IterationResult> iterations, String label) {
    return iterations.getFirst().getSecondaryResults().containsKey(label);
  }

  private static Spread spread(List<IterationResult> iterations, String label) {
    List<Double> values = new ArrayList<>();
    for (IterationResult iteration : iterations) {
      Result<?> result = Objects.requireNonNull(iteration.getSecondaryResults().get(label));
      values.add(result.getScore());
    }
    return Spread.of(values);
  }

  /** Parameters as the command line has them. */
  String settings() {
    return params.entrySet().stream()
        .map(param -> param.getKey() + "=" + param.getValue())
        .collect(Collectors.joining(" "));
  }

  /** Percent of its peak that this trial is to reach, where there is such a bar. */
  OptionalDouble bar() {
    if (share == null || !param("tokens").equals("256")) {
      return OptionalDouble.empty();
    }
    return switch (name) {
      case "matmul" -> matmulBar(share.of);
      case "attention" ->
          share.of == Ceiling.FMAS
                  && param("heads").equals("LLAMA_1B")
                  && param("context").equals("4096")
              ? OptionalDouble.of(ATTENTION_SHARE)
              : OptionalDouble.empty();
      default -> OptionalDouble.empty();
    };
  }

  private OptionalDouble matmulBar(Ceiling of) {
    if (of != Ceiling.DOTS || !param("matrices").equals("LAYER")) {
      return OptionalDouble.empty();
    }
    return switch (param("type")) {
      case "Q4_0", "Q8_0" -> OptionalDouble.of(BLOCK_OF_32_SHARE);
      case "Q4_K", "Q6_K" -> OptionalDouble.of(BLOCK_OF_256_SHARE);
      default -> OptionalDouble.empty();
    };
  }

  private String param(String named) {
    return params.getOrDefault(named, "");
  }

  /** What a later run is compared by: the share of the peak where there is one, else the rate. */
  List<ResultFigure> figures() {
    String of = params.isEmpty() ? name : name + " " + settings();
    if (share != null) {
      return List.of(
          ResultFigure.of(of + ", share of the peak", "%", Better.HIGHER, share.percent));
    }
    Better better = unit.endsWith("/op") ? Better.LOWER : Better.HIGHER;
    return List.of(ResultFigure.of(of, unit, better, rate));
  }
}
