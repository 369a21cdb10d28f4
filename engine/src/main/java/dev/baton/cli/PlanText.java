package dev.baton.cli;

import dev.baton.plan.PlanDecision;
import dev.baton.plan.Prediction;
import dev.baton.plan.SplitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Help.Ansi;

/** A choice among plans for people: one plan a line. */
final class PlanText {
  private static final List<String> HEAD =
      List.of(
          "", "plan", "chunks", "TTFT", "E2E", "energy", "price", "moved", "queue", "prefill",
          "link", "here", "decode");

  /** Columns that are texts, to the left. */
  private static final int TEXTS = 3;

  private PlanText() {}

  /** The alternatives, the predicted best first, the chosen one marked. */
  static String table(PlanDecision decision, int layers, Ansi ansi) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEAD);
    for (SplitPlan plan : decision.alternatives()) {
      rows.add(row(plan, plan.equals(decision.chosen()), layers));
    }
    StringBuilder text = new StringBuilder();
    text.append(ansi.string("@|faint " + line(HEAD, rows) + "|@")).append('\n');
    for (List<String> row : rows.subList(1, rows.size())) {
      String line = line(row, rows);
      text.append(row.getFirst().isEmpty() ? line : ansi.string("@|bold " + line + "|@"))
          .append('\n');
    }
    return text.toString();
  }

  private static String line(List<String> row, List<List<String>> rows) {
    StringBuilder line = new StringBuilder();
    for (int column = 0; column < row.size(); column++) {
      int at = column;
      int width = rows.stream().mapToInt(r -> r.get(at).length()).max().orElse(1);
      String form = (column < TEXTS ? "%-" : "%") + Math.max(1, width) + "s  ";
      line.append(String.format(Locale.ROOT, form, row.get(column)));
    }
    return line.toString().stripTrailing();
  }

  private static List<String> row(SplitPlan plan, boolean chosen, int layers) {
    Prediction prediction = plan.prediction();
    Prediction.Path path = prediction.path();
    return List.of(
        chosen ? "*" : "",
        name(plan, layers),
        chunks(plan),
        seconds(prediction.ttftSeconds()),
        seconds(prediction.e2eSeconds()),
        String.format(Locale.ROOT, "%.0f J", prediction.joules()),
        String.format(Locale.ROOT, "$%.6f", prediction.usd()),
        prediction.bytesMoved() == 0 ? "-" : ReportText.bytes(prediction.bytesMoved()),
        part(path.queue()),
        part(path.prefillNode()),
        part(path.link()),
        part(path.prefillHere()),
        part(path.decode()));
  }

  /** Who does what. */
  static String name(SplitPlan plan, int layers) {
    String here = Failure.oneLine(plan.decodeNode().name());
    if (plan.prefillNode() == null) {
      return here + " alone";
    }
    String there = Failure.oneLine(plan.prefillNode().name());
    int boundary = plan.boundaryLayer();
    return boundary == layers
        ? there + " prefills, " + here + " decodes"
        : there + " to layer " + boundary + ", then " + here;
  }

  private static String chunks(SplitPlan plan) {
    int largest = plan.chunks().largestTokens();
    int smallest = plan.chunks().smallestTokens();
    return smallest == largest ? Integer.toString(largest) : largest + " to " + smallest;
  }

  private static String part(double seconds) {
    return seconds == 0 ? "-" : seconds(seconds);
  }

  private static String seconds(double seconds) {
    return ReportText.duration(Math.round(seconds * 1e9));
  }
}
