package dev.baton.bench.split;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * A request that was run, and what had been predicted of it.
 *
 * @param request what was asked
 * @param run what it took
 * @param predicted the plan that was carried out
 */
record PredictedRun(SplitRequest request, SplitRun run, SplitRun.Planned predicted) {
  static final double TTFT_BAR_PERCENT = 10;
  static final double E2E_BAR_PERCENT = 7;

  static PredictedRun of(SplitRequest request, SplitRun run) {
    SplitRun.Planned plan = run.chosen();
    if (plan == null) {
      throw new IllegalArgumentException("nothing was predicted of " + request);
    }
    return new PredictedRun(request, run, plan);
  }

  /** How far the prediction was off, as a share of what was measured; above 0 for too long. */
  double ttftError() {
    return predicted.ttftMs() / run.ttftMs() - 1;
  }

  /** The same until the last token. */
  double e2eError() {
    return predicted.e2eMs() / run.e2eMs() - 1;
  }

  /** Mean of the errors' sizes, in percent. */
  static double meanErrorPercent(List<PredictedRun> runs, ToDoubleFunction<PredictedRun> error) {
    return 100
        * runs.stream().mapToDouble(run -> Math.abs(error.applyAsDouble(run))).average().orElse(0);
  }

  private boolean isOf(String kind) {
    String split = request.split();
    return kind.equals("layer") ? Character.isDigit(split.charAt(0)) : split.equals(kind);
  }

  /** For people. */
  String line(int layers) {
    return String.format(
        Locale.ROOT,
        "%5d in %4d out  %-6s b %2d of %d, chunks %3d/%-3d  TTFT %6.0f ms, predicted %6.0f (%+6.1f"
            + " %%)  E2E %6.0f ms, predicted %6.0f (%+6.1f %%)%s",
        request.promptTokens(),
        request.outputTokens(),
        request.split(),
        predicted.boundaryLayer(),
        layers,
        predicted.largestChunk(),
        predicted.smallestChunk(),
        run.ttftMs(),
        predicted.ttftMs(),
        100 * ttftError(),
        run.e2eMs(),
        predicted.e2eMs(),
        100 * e2eError(),
        run.fallback() == null ? "" : "  " + run.fallback());
  }

  /** The means by kind of split, and whether the bars are met. */
  static String summary(List<PredictedRun> runs) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format("%n%-8s %8s %12s %12s%n", "split", "requests", "TTFT error", "E2E error"));
    for (String kind : List.of("local", "remote", "layer", "auto")) {
      List<PredictedRun> some = runs.stream().filter(run -> run.isOf(kind)).toList();
      if (!some.isEmpty()) {
        text.append(row(kind, some));
      }
    }
    text.append(row("all", runs));
    text.append(
        String.format(
            Locale.ROOT,
            "bars: TTFT <= %.0f %%: %s; E2E <= %.0f %%: %s%n",
            TTFT_BAR_PERCENT,
            met(meanErrorPercent(runs, PredictedRun::ttftError) <= TTFT_BAR_PERCENT),
            E2E_BAR_PERCENT,
            met(meanErrorPercent(runs, PredictedRun::e2eError) <= E2E_BAR_PERCENT)));
    return text.toString();
  }

  private static String met(boolean is) {
    return is ? "met" : "not met";
  }

  private static String row(String name, List<PredictedRun> runs) {
    return String.format(
        Locale.ROOT,
        "%-8s %8d %10.1f %% %10.1f %%%n",
        name,
        runs.size(),
        meanErrorPercent(runs, PredictedRun::ttftError),
        meanErrorPercent(runs, PredictedRun::e2eError));
  }
}
