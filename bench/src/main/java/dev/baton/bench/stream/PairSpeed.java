package dev.baton.bench.stream;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * How much faster two one-core nodes that share a prefill have the first token than one of them
 * alone: best boundary and chunk size against the best chunk size of the one, all in turns.
 */
final class PairSpeed {
  private static final double BAR = 1.85;
  private static final int PROMPT_TOKENS = 1024;
  private static final int[] CHUNKS_ALONE = {64, 128, 256, 512};
  private static final int[] CHUNKS_SHARED = {32, 48, 64};
  private static final int[] OFF_CENTRE = {-1, 0, 1};
  private static final int MIN_ROUNDS = 3;

  private final TwoNodes nodes;
  private final double seconds;

  PairSpeed(TwoNodes nodes, double seconds) {
    this.nodes = nodes;
    this.seconds = seconds;
  }

  /** A boundary and a chunk size; boundary 0 is the one node alone. */
  private record Plan(int boundary, int chunk) implements Comparable<Plan> {
    @Override
    public String toString() {
      return "layer " + boundary + ", chunks of " + chunk;
    }

    @Override
    public int compareTo(Plan other) {
      return Comparator.comparingInt(Plan::boundary)
          .thenComparingInt(Plan::chunk)
          .compare(this, other);
    }
  }

  PartReport measure() {
    int[] prompt = nodes.prompt(Math.min(PROMPT_TOKENS, nodes.longestPrompt()));
    Map<Plan, List<Double>> ttftMs = new TreeMap<>();
    for (int chunk : CHUNKS_ALONE) {
      ttftMs.put(new Plan(0, chunk), new ArrayList<>());
    }
    for (int chunk : CHUNKS_SHARED) {
      for (int off : OFF_CENTRE) {
        int boundary = Math.clamp(nodes.layers() / 2 + off, 1, nodes.layers());
        ttftMs.put(new Plan(boundary, chunk), new ArrayList<>());
      }
    }
    List<Integer> expected = nodes.local(prompt, CHUNKS_SHARED[0]).tokens();
    try {
      nodes.split(prompt, nodes.layers() / 2, CHUNKS_SHARED[0]);
      long untilNs = System.nanoTime() + Math.round(seconds * 1e9);
      for (int round = 0; round < MIN_ROUNDS || System.nanoTime() < untilNs; round++) {
        ttftMs.forEach((plan, times) -> times.add(ttftMs(plan, prompt, expected)));
      }
    } catch (WrongResult e) {
      return PartReport.wrong("pair", e.reason());
    }
    return report(prompt.length, ttftMs);
  }

  private double ttftMs(Plan plan, int[] prompt, List<Integer> expected) {
    TwoNodes.Answer answer =
        plan.boundary == 0
            ? nodes.local(prompt, plan.chunk)
            : nodes.split(prompt, plan.boundary, plan.chunk);
    if (!answer.tokens().equals(expected)) {
      throw new WrongResult(
          "the answer with boundary "
              + plan.boundary
              + " and chunks of "
              + plan.chunk
              + " differs from the local one");
    }
    return answer.ttftMs();
  }

  private static PartReport report(int tokens, Map<Plan, List<Double>> ttftMs) {
    Measured alone = fastest(ttftMs, true);
    Measured shared = fastest(ttftMs, false);
    String prompt = tokens + " tokens, ";
    List<Figure> figures =
        List.of(
            Figure.of(prompt + "one node, " + alone.plan + ": TTFT", alone.spread(), "ms"),
            Figure.of(prompt + "two nodes, " + shared.plan + ": TTFT", shared.spread(), "ms"),
            Figure.atLeast(
                BAR, "one node / two nodes", Spread.ofRatios(alone.ttftMs, shared.ttftMs), "x"));
    List<String> notes = new ArrayList<>();
    ttftMs.forEach((plan, times) ->
        notes.add(String.format(Locale.ROOT, "%s: %.0f ms", plan, Spread.of(times).median())));
    return PartReport.measured("pair", figures, notes);
  }

  /** A plan and its rounds. */
  private record Measured(Plan plan, List<Double> ttftMs) {
    Spread spread() {
      return Spread.of(ttftMs);
    }
  }

  private static Measured fastest(Map<Plan, List<Double>> ttftMs, boolean alone) {
    return ttftMs.entrySet().stream()
        .filter(entry -> (entry.getKey().boundary == 0) == alone)
        .map(entry -> new Measured(entry.getKey(), entry.getValue()))
        .min(Comparator.comparingDouble(measured -> measured.spread().median()))
        .orElseThrow();
  }
}
