package dev.baton.bench.result;

import dev.baton.Timeline;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a run of the split benchmark found.
 *
 * @param provenance where it comes from
 * @param complete false where it was ended before its end
 * @param setup how it was measured
 * @param rows in the order to be read
 * @param request one request's way, or null where none was split
 */
public record SplitResult(
    Provenance provenance,
    boolean complete,
    Setup setup,
    List<SplitRow> rows,
    @Nullable Request request) {
  /** The benchmark's name. */
  public static final String BENCHMARK = "split";

  /**
   * How it was measured.
   *
   * @param pair which nodes, one line
   * @param layers the model's
   * @param links over which it was measured
   * @param leftOut links that it was not measured over, and why, one line each
   * @param energy where the energy comes from, or why there is none, one line
   */
  public record Setup(
      String pair, int layers, List<String> links, List<String> leftOut, String energy) {
    public Setup {
      links = List.copyOf(links);
      leftOut = List.copyOf(leftOut);
    }
  }

  /**
   * One request's way.
   *
   * @param key which
   * @param timeline what happened when
   */
  public record Request(SplitRow.Key key, Timeline timeline) {}

  /** The metrics that later results are compared by; the others follow from them. */
  private static final List<Metric> COMPARED =
      List.of(Metric.TTFT, Metric.TPOT, Metric.E2E, Metric.MOVED);

  public SplitResult {
    rows = List.copyOf(rows);
  }

  /** As it lies in a file. */
  public BenchResult asResult() {
    List<ResultFigure> figures = new ArrayList<>();
    for (SplitRow row : rows) {
      for (Metric metric : COMPARED) {
        Spread spread = row.values().get(metric);
        boolean again = metric == Metric.E2E && row.key().outputTokens() == 1;
        if (spread != null && !again && !isOthers(metric, row.key().split())) {
          figures.add(
              ResultFigure.of(
                  metric.title() + ", " + row.key().title(),
                  metric.unit(),
                  metric.better(),
                  spread));
        }
      }
    }
    Map<String, Object> detail = new java.util.LinkedHashMap<>();
    detail.put("setup", setup);
    detail.put("rows", rows);
    detail.put("request", request);
    return BenchResult.of(BENCHMARK, complete, provenance, figures, detail);
  }

  /** What was moved is nothing of a local request, and the planner's choice of an automatic one. */
  private static boolean isOthers(Metric metric, String split) {
    return metric == Metric.MOVED && (split.equals(SplitRow.LOCAL) || split.equals(SplitRow.AUTO));
  }

  /** The model's name. */
  String modelName() {
    return Objects.requireNonNull(provenance.model()).name();
  }
}
