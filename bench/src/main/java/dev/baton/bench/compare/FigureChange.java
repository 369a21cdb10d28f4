package dev.baton.bench.compare;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.ResultFigure;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What became of one figure.
 *
 * @param name the figure's
 * @param verdict what that means
 * @param before the old one, or null where there was none
 * @param after the new one, or null where there is none any more
 */
record FigureChange(
    String name, Verdict verdict, @Nullable ResultFigure before, @Nullable ResultFigure after) {
  /** What a change means. */
  enum Verdict {
    /** Worse than every old run, in every new run. */
    @JsonProperty("worse")
    WORSE,
    /** Was there, is no more. */
    @JsonProperty("gone")
    GONE,
    @JsonProperty("better")
    BETTER,
    /** Was not there. */
    @JsonProperty("new")
    NEW,
    /** Differs, but of one run nobody knows how much it varies. */
    @JsonProperty("unknown")
    UNKNOWN,
    /** No more different than the runs among themselves, or than is cared for. */
    @JsonProperty("same")
    SAME;

    /** Whether it is to be mended. */
    boolean isRegression() {
      return this == WORSE || this == GONE;
    }
  }

  /**
   * Sets two results side by side, in the old one's order.
   *
   * @param tolerance a difference of the medians up to this share of the old one is none
   */
  static List<FigureChange> between(BenchResult old, BenchResult now, double tolerance) {
    Map<String, ResultFigure> left = new LinkedHashMap<>();
    now.figures().forEach(figure -> left.put(figure.name(), figure));
    List<FigureChange> changes = new ArrayList<>();
    for (ResultFigure before : old.figures()) {
      ResultFigure after = left.remove(before.name());
      changes.add(
          new FigureChange(
              before.name(),
              after == null ? Verdict.GONE : verdict(before, after, tolerance),
              before,
              after));
    }
    left.forEach((name, after) -> changes.add(new FigureChange(name, Verdict.NEW, null, after)));
    return changes;
  }

  private static Verdict verdict(ResultFigure before, ResultFigure after, double tolerance) {
    if (before.better() != after.better() || !before.unit().equals(after.unit())) {
      throw new IllegalArgumentException(
          "'"
              + before.name()
              + "' is not the same figure in both: "
              + before.unit()
              + ", "
              + before.better()
              + " and "
              + after.unit()
              + ", "
              + after.better());
    }
    double difference = Math.abs(after.median() - before.median());
    if (difference <= tolerance * Math.abs(before.median())) {
      return Verdict.SAME;
    }
    if (before.runs() == 1 || after.runs() == 1) {
      return Verdict.UNKNOWN;
    }
    boolean above = after.low() > before.high();
    boolean below = after.high() < before.low();
    boolean higherIsBetter = before.better() == ResultFigure.Better.HIGHER;
    return !above && !below
        ? Verdict.SAME
        : above == higherIsBetter ? Verdict.BETTER : Verdict.WORSE;
  }

  /** The new median over the old one, minus one, in percent; 0 where there are not both. */
  double percent() {
    return before == null || after == null || before.median() == 0
        ? 0
        : 100 * (after.median() / before.median() - 1);
  }
}
