package dev.baton.cli;

import dev.baton.sim.Served;
import dev.baton.sim.SimulationResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** What simulations came to, for people and for machines. */
final class SimulationText {
  private static final double MIDDLE = 0.5;
  private static final double LATE = 0.99;

  private SimulationText() {}

  /** What a good answer keeps. */
  record Limits(double ttftSeconds, double tpotSeconds) {}

  /** What {@code --json} prints. */
  record Result(
      String model,
      long seed,
      double ttftLimitMs,
      double tpotLimitMs,
      List<PolicyResult> policies) {}

  /** One policy in {@code --json}. */
  record PolicyResult(
      String policy,
      int requests,
      long requestsWithinLimits,
      double goodputPerSecond,
      double ttftP50Ms,
      double ttftP99Ms,
      double tpotP50Ms,
      double tpotP99Ms,
      double meanE2eMs,
      double joulesPerRequest,
      double simulatedSeconds,
      double promptTokensReused,
      Map<String, Long> where,
      Map<String, Double> utilisation) {}

  static Result json(List<SimulationResult> results, Limits limits, String model, long seed) {
    return new Result(
        model,
        seed,
        limits.ttftSeconds * 1e3,
        limits.tpotSeconds * 1e3,
        results.stream().map(result -> json(result, limits)).toList());
  }

  private static PolicyResult json(SimulationResult result, Limits limits) {
    Map<String, Long> where = new LinkedHashMap<>();
    for (Served.Where one : Served.Where.values()) {
      where.put(one.name().toLowerCase(Locale.ROOT), result.count(one));
    }
    Map<String, Double> utilisation = new LinkedHashMap<>();
    result.nodes().forEach(node -> utilisation.put(node.name(), result.utilisation(node)));
    return new PolicyResult(
        result.policy().word(),
        result.served().size(),
        result.within(limits.ttftSeconds, limits.tpotSeconds),
        result.goodput(limits.ttftSeconds, limits.tpotSeconds),
        result.ttftSeconds(MIDDLE) * 1e3,
        result.ttftSeconds(LATE) * 1e3,
        result.tpotSeconds(MIDDLE) * 1e3,
        result.tpotSeconds(LATE) * 1e3,
        result.meanE2eSeconds() * 1e3,
        result.joulesPerRequest(),
        result.seconds(),
        result.reuse(),
        where,
        utilisation);
  }

  /** A column a policy. */
  static String table(List<SimulationResult> results, Limits limits) {
    List<List<String>> rows = new ArrayList<>();
    add(rows, "", results, result -> result.policy().word());
    add(rows, "goodput, requests/s", results, result -> goodput(result, limits));
    add(rows, "within both limits", results, result -> percent(within(result, limits)));
    add(rows, "TTFT P50", results, result -> time(result.ttftSeconds(MIDDLE)));
    add(rows, "TTFT P99", results, result -> time(result.ttftSeconds(LATE)));
    add(rows, "TPOT P50", results, result -> time(result.tpotSeconds(MIDDLE)));
    add(rows, "TPOT P99", results, result -> time(result.tpotSeconds(LATE)));
    add(rows, "E2E mean", results, result -> time(result.meanE2eSeconds()));
    add(rows, "energy per request", results, result -> energy(result.joulesPerRequest()));
    List<SimulationResult.NodeUse> nodes = results.getFirst().nodes();
    for (int n = 0; n < nodes.size(); n++) {
      int node = n;
      add(
          rows,
          "busy: " + Failure.oneLine(nodes.get(n).name()),
          results,
          result -> percent(result.utilisation(result.nodes().get(node))));
    }
    add(rows, "prompt tokens reused", results, result -> percent(result.reuse()));
    add(rows, "one node alone", results, result -> count(result, Served.Where.ALONE));
    add(rows, "whole prompt away", results, result -> count(result, Served.Where.CLASSIC));
    add(rows, "boundary inside", results, result -> count(result, Served.Where.INSIDE));
    return aligned(rows);
  }

  private static void add(
      List<List<String>> rows,
      String name,
      List<SimulationResult> results,
      Function<SimulationResult, String> value) {
    List<String> row = new ArrayList<>(List.of(name));
    results.forEach(result -> row.add(value.apply(result)));
    rows.add(row);
  }

  private static String goodput(SimulationResult result, Limits limits) {
    return String.format(
        Locale.ROOT, "%.3f", result.goodput(limits.ttftSeconds, limits.tpotSeconds));
  }

  private static double within(SimulationResult result, Limits limits) {
    return (double) result.within(limits.ttftSeconds, limits.tpotSeconds) / result.served().size();
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private static String time(double seconds) {
    return seconds < 1
        ? String.format(Locale.ROOT, "%.1f ms", seconds * 1e3)
        : String.format(Locale.ROOT, "%.2f s", seconds);
  }

  private static String energy(double joules) {
    return String.format(Locale.ROOT, "%.0f J", joules);
  }

  private static String count(SimulationResult result, Served.Where where) {
    return String.format(Locale.ROOT, "%,d", result.count(where));
  }

  private static String aligned(List<List<String>> rows) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int c = 0; c < widths.length; c++) {
        widths[c] = Math.max(widths[c], row.get(c).length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder(row.getFirst());
      line.repeat(' ', widths[0] - row.getFirst().length());
      for (int c = 1; c < widths.length; c++) {
        line.repeat(' ', 2 + widths[c] - row.get(c).length()).append(row.get(c));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
