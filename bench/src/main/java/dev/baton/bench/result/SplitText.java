package dev.baton.bench.result;

import java.util.Locale;
import java.util.Objects;
import java.util.OptionalDouble;

/** A result in short, for a terminal. */
public final class SplitText {
  private SplitText() {}

  public static String of(SplitResult result, SplitFiles files) {
    StringBuilder text = new StringBuilder();
    text.append(result.modelName()).append(": ").append(result.setup().pair()).append('\n');
    for (Comparison comparison : Comparison.of(result)) {
      text.append(String.format("%n%s%n", comparison.title()));
      comparison.autoNote().ifPresent(note -> text.append(note).append('\n'));
      text.append(String.format(Locale.ROOT, "  %-10s", "TTFT, ms"));
      comparison
          .bySplit()
          .keySet()
          .forEach(split ->
              text.append(String.format(Locale.ROOT, " %10s", SplitRow.splitTitle(split))));
      text.append('\n');
      for (int prompt : comparison.prompts()) {
        text.append(String.format(Locale.ROOT, "  %-10s", prompt + " in"));
        comparison
            .bySplit()
            .values()
            .forEach(rows ->
                text.append(
                    String.format(
                        Locale.ROOT,
                        " %10.1f",
                        Objects.requireNonNull(rows.get(prompt)).ttft().median())));
        text.append('\n');
      }
    }
    text.append('\n');
    predicted(text, result, Metric.TTFT, Metric.PREDICTED_TTFT);
    predicted(text, result, Metric.E2E, Metric.PREDICTED_E2E);
    text.append("energy: ").append(result.setup().energy()).append('\n');
    text.append("the report: ").append(files.report()).append('\n');
    return text.toString();
  }

  private static void predicted(
      StringBuilder text, SplitResult result, Metric measured, Metric predicted) {
    OptionalDouble error = PredictionPlot.meanErrorPercent(result.rows(), measured, predicted);
    if (error.isPresent()) {
      text.append(PredictionPlot.claim(result.rows(), measured, predicted)).append('\n');
    }
  }
}
