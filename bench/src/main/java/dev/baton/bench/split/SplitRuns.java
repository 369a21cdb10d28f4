package dev.baton.bench.split;

import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.Spread;
import dev.baton.bench.result.Metric;
import dev.baton.bench.result.SplitResult;
import dev.baton.bench.result.SplitRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The requests that have run so far. Any thread. */
final class SplitRuns {
  private static final double PERCENTILE_99 = 0.99;

  /** A request that was run, and the joules it took, where they are known. */
  private record Measured(SplitRun run, OptionalDouble joules) {}

  private final Metric energy;

  private final Provenance provenance;
  private final SplitResult.Setup setup;
  private final Map<SplitRow.Key, List<Measured>> runs = new LinkedHashMap<>(); // guarded by this

  private SplitResult.@Nullable Request request; // guarded by this

  /**
   * @param energy what joules are: measured or stated
   */
  SplitRuns(Provenance provenance, SplitResult.Setup setup, Metric energy) {
    this.energy = energy;
    this.provenance = provenance;
    this.setup = setup;
  }

  /** Gives rows their place: the order in which they are expected is the order to be read. */
  synchronized void expect(SplitRow.Key key) {
    runs.put(key, new ArrayList<>());
  }

  synchronized void add(SplitRow.Key key, SplitRun run, OptionalDouble joules) {
    runs.computeIfAbsent(key, _ -> new ArrayList<>()).add(new Measured(run, joules));
  }

  /** Keeps the way of one request; the last one counts. */
  synchronized void add(SplitResult.Request timed) {
    request = timed;
  }

  /** All of it, so far. */
  synchronized SplitResult result(boolean complete) {
    return new SplitResult(provenance, complete, setup, rows(), request);
  }

  /** A row for each kind of request of which one has run. */
  synchronized List<SplitRow> rows() {
    List<SplitRow> rows = new ArrayList<>();
    runs.forEach((key, measured) -> {
      if (!measured.isEmpty()) {
        rows.add(row(key, measured));
      }
    });
    return rows;
  }

  private SplitRow row(SplitRow.Key key, List<Measured> measured) {
    List<SplitRun> of = measured.stream().map(Measured::run).toList();
    Map<Metric, Spread> values = new EnumMap<>(Metric.class);
    values.put(Metric.TTFT, spread(of, SplitRun::ttftMs));
    values.put(
        Metric.PREFILL, spread(of, run -> 1e3 * key.promptTokens() / run.course().prefillMs()));
    values.put(Metric.E2E, spread(of, SplitRun::e2eMs));
    values.put(Metric.MOVED, spread(of, run -> run.course().kvBytes() / 1e3));
    if (of.stream().allMatch(run -> run.boundaryLayer() > 0)) {
      values.put(Metric.HIDDEN, spread(of, run -> 100 * run.course().hiddenShare()));
    }
    if (key.outputTokens() > 1) {
      values.put(Metric.TPOT, spread(of, SplitRuns::tpotMs));
      values.put(Metric.ITL_P50, spread(of, run -> gapMs(run, 0.5)));
      values.put(Metric.ITL_P99, spread(of, run -> gapMs(run, PERCENTILE_99)));
    }
    List<SplitRun.Planned> plans =
        of.stream().map(SplitRun::chosen).filter(plan -> plan != null).toList();
    if (!plans.isEmpty()) {
      values.put(Metric.PREDICTED_TTFT, spread(plans, SplitRun.Planned::ttftMs));
      values.put(Metric.PREDICTED_E2E, spread(plans, SplitRun.Planned::e2eMs));
    }
    if (measured.stream().allMatch(one -> one.joules().isPresent())) {
      values.put(energy, spread(measured, one -> one.joules().orElseThrow()));
    }
    return new SplitRow(key, usualBoundary(of), values);
  }

  private static <T> Spread spread(List<T> of, Function<T, Double> value) {
    return Spread.of(of.stream().map(value).toList());
  }

  private static int usualBoundary(List<SplitRun> of) {
    return of.stream()
        .collect(Collectors.groupingBy(SplitRun::boundaryLayer, Collectors.counting()))
        .entrySet()
        .stream()
        .max(Comparator.comparingLong(Map.Entry::getValue))
        .orElseThrow()
        .getKey();
  }

  /** Time per output token after the first. */
  private static double tpotMs(SplitRun run) {
    List<Double> at = run.course().tokenMs();
    return (at.getLast() - at.getFirst()) / (at.size() - 1);
  }

  /** A quantile of the times between neighbouring tokens, by nearest rank. */
  private static double gapMs(SplitRun run, double quantile) {
    List<Double> at = run.course().tokenMs();
    List<Double> gaps = new ArrayList<>();
    for (int i = 1; i < at.size(); i++) {
      gaps.add(at.get(i) - at.get(i - 1));
    }
    gaps.sort(null);
    return gaps.get((int) Math.ceil(quantile * gaps.size()) - 1);
  }
}
