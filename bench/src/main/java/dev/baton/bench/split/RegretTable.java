package dev.baton.bench.split;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The figures for people. Milliseconds until the last token, unless it says otherwise. */
final class RegretTable {
  private RegretTable() {}

  /** One link's shapes. */
  static String of(LinkRegret link) {
    List<String> splits = List.copyOf(link.shapes().getFirst().candidates().keySet());
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%d Mbit/s: decode %s, prefill %s; loaded and measured in %.0f s%n",
            link.megabitsPerSecond(),
            link.nodes().decodeNode(),
            link.nodes().prefillNode(),
            link.nodes().openSeconds()));
    text.append(String.format("  %6s %6s |", "prompt", "output"));
    for (String split : splits) {
      text.append(String.format(" %7s", split));
    }
    text.append(String.format(" | %7s  %-16s %9s %8s%n", "Baton", "choice", "predicted", "regret"));
    for (ShapeRegret shape : link.shapes()) {
      text.append(row(shape, splits, link.nodes().layers()));
    }
    return text.toString();
  }

  private static String row(ShapeRegret shape, List<String> splits, int layers) {
    StringBuilder text = new StringBuilder();
    text.append(String.format("  %6d %6d |", shape.promptTokens(), shape.outputTokens()));
    for (String split : splits) {
      text.append(String.format(" %7s", ms(shape.candidateMs(split))));
    }
    SplitRun last = shape.baton().getLast();
    SplitRun.Planned chosen = last.chosen();
    text.append(
        String.format(
            Locale.ROOT,
            " | %7s  %-16s %9s %+6.1f %%%s%n",
            ms(shape.batonMs()),
            chosen == null ? "-" : choice(chosen, layers),
            chosen == null ? "-" : ms(chosen.e2eMs()),
            100 * shape.regret(),
            last.fallback() == null ? "" : "  " + last.fallback()));
    return text.toString();
  }

  /** Such as {@code layer 12, 128/32}: chunks of 128 tokens, the last ones halved down to 32. */
  private static String choice(SplitRun.Planned plan, int layers) {
    if (plan.boundaryLayer() == 0) {
      return ShapeRegret.LOCAL;
    }
    String where =
        plan.boundaryLayer() == layers ? ShapeRegret.REMOTE : "layer " + plan.boundaryLayer();
    String chunks = Integer.toString(plan.largestChunk());
    return where
        + ", "
        + (plan.smallestChunk() == plan.largestChunk()
            ? chunks
            : chunks + "/" + plan.smallestChunk());
  }

  /** Each link's sums and those of all. */
  static String summary(List<LinkRegret> links) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            "%-12s %8s %8s | seconds: %6s %13s %13s %8s %8s %12s%n",
            "regret",
            "mean",
            "worst",
            "Baton",
            RoutingRule.LOCAL.title(),
            RoutingRule.REMOTE.title(),
            RoutingRule.EXO.title(),
            RoutingRule.DYNAMO.title(),
            "best of all"));
    List<ShapeRegret> all = new ArrayList<>();
    for (LinkRegret link : links) {
      all.addAll(link.shapes());
      text.append(sums(link.megabitsPerSecond() + " Mbit/s", RegretFigures.of(link.shapes())));
    }
    RegretFigures figures = RegretFigures.of(all);
    text.append(sums("all", figures));
    text.append(
        String.format(
            Locale.ROOT,
            "bars: mean <= %.0f %%: %s; worst <= %.0f %%: %s; less time than every rule: %s%n",
            RegretFigures.MEAN_BAR_PERCENT,
            figures.meanIsMet() ? "met" : "not met",
            RegretFigures.WORST_BAR_PERCENT,
            figures.worstIsMet() ? "met" : "not met",
            figures.beatsRules() ? "met" : "not met"));
    return text.toString();
  }

  private static String sums(String of, RegretFigures figures) {
    return String.format(
        Locale.ROOT,
        "%-12s %6.1f %% %6.1f %% |          %6.1f %13.1f %13.1f %8.1f %8.1f %12.1f%n",
        of,
        figures.meanPercent(),
        figures.worstPercent(),
        figures.batonSeconds(),
        figures.ruleSeconds().get(RoutingRule.LOCAL),
        figures.ruleSeconds().get(RoutingRule.REMOTE),
        figures.ruleSeconds().get(RoutingRule.EXO),
        figures.ruleSeconds().get(RoutingRule.DYNAMO),
        figures.oracleSeconds());
  }

  private static String ms(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
  }
}
