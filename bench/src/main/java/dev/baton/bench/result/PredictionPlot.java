package dev.baton.bench.result;

import dev.baton.plot.LogAxis;
import dev.baton.plot.Svg;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** What was predicted beside what was measured, a point a row; on the line they are the same. */
final class PredictionPlot {
  private static final int WIDTH = 430;
  private static final int HEIGHT = 340;
  private static final int LEFT = 62;
  private static final int RIGHT = 20;
  private static final int TOP = 30;
  private static final int BOTTOM = 46;
  private static final double BAND = 0.1;
  private static final int TICK_GAP = 44;

  private final List<SplitRow> rows;
  private final Metric measured;
  private final Metric predicted;
  private final SplitStyle style;
  private final LogAxis x;
  private final LogAxis y;

  private PredictionPlot(List<SplitRow> rows, Metric measured, Metric predicted, SplitStyle style) {
    this.rows = rows;
    this.measured = measured;
    this.predicted = predicted;
    this.style = style;
    double least = Double.MAX_VALUE;
    double most = 0;
    for (SplitRow row : rows) {
      least = Math.min(least, Math.min(row.of(measured).median(), row.of(predicted).median()));
      most = Math.max(most, Math.max(row.of(measured).median(), row.of(predicted).median()));
    }
    this.x = LogAxis.around(least, most, LEFT, WIDTH - RIGHT);
    this.y = LogAxis.around(least, most, HEIGHT - BOTTOM, TOP);
  }

  /** Rows of which something was predicted. */
  static List<SplitRow> predicted(List<SplitRow> rows, Metric predicted) {
    return rows.stream().filter(row -> row.values().containsKey(predicted)).toList();
  }

  /** Mean size of the errors, percent of what was measured. */
  static OptionalDouble meanErrorPercent(List<SplitRow> rows, Metric measured, Metric predicted) {
    return predicted(rows, predicted).stream()
        .mapToDouble(
            row -> 100 * Math.abs(row.of(predicted).median() / row.of(measured).median() - 1))
        .average();
  }

  /** What it comes to, one sentence without its full stop. */
  static String claim(List<SplitRow> rows, Metric measured, Metric predicted) {
    return String.format(
        Locale.ROOT,
        "%s was predicted to within %.0f %% on average",
        measured.title(),
        meanErrorPercent(rows, measured, predicted).orElse(0));
  }

  /** Of at least one such row. */
  static String svg(
      List<SplitRow> rows, Metric measured, Metric predicted, SplitStyle style, String id) {
    return new PredictionPlot(predicted(rows, predicted), measured, predicted, style).draw(id);
  }

  private String draw(String id) {
    Svg svg =
        new Svg(
            id,
            WIDTH,
            HEIGHT,
            claim(rows, measured, predicted),
            measured.title()
                + " as predicted before each request ran, against what it then took; the table has"
                + " every figure.");
    double low = x.low();
    double high = x.high();
    svg.polygon(
        "band",
        x.at(low),
        y.at(low * (1 + BAND)),
        x.at(high / (1 + BAND)),
        y.at(high),
        x.at(high),
        y.at(high),
        x.at(high),
        y.at(high * (1 - BAND)),
        x.at(low / (1 - BAND)),
        y.at(low),
        x.at(low),
        y.at(low));
    grid(svg);
    svg.line("axis", x.at(low), y.at(low), x.at(high), y.at(high));
    for (SplitRow row : rows) {
      double was = row.of(measured).median();
      double said = row.of(predicted).median();
      svg.dot(
          "point " + style.fill(row.key().split()),
          x.at(was),
          y.at(said),
          4,
          String.format(
              Locale.ROOT,
              "%s: measured %s, predicted %s (%+.0f %%)",
              row.key().title(),
              SplitStyle.time(was),
              SplitStyle.time(said),
              100 * (said / was - 1)));
    }
    svg.text("", WIDTH - RIGHT - 8, HEIGHT - BOTTOM - 10, "end", "band: within 10 %");
    return svg.end();
  }

  private void grid(Svg svg) {
    double bottom = HEIGHT - BOTTOM;
    double written = Double.NEGATIVE_INFINITY;
    for (double tick : x.ticks()) {
      svg.line("rule", LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick))
          .text("", LEFT - 8, y.at(tick) + 4, "end", SplitStyle.time(tick));
      svg.line("rule", x.at(tick), TOP, x.at(tick), bottom);
      if (x.at(tick) - written >= TICK_GAP) {
        written = x.at(tick);
        svg.text("", written, bottom + 18, "middle", SplitStyle.time(tick));
      }
    }
    svg.text("", 4, TOP - 14, "start", "predicted " + measured.title())
        .text(
            "",
            (LEFT + WIDTH - RIGHT) / 2.0,
            bottom + 36,
            "middle",
            "measured " + measured.title());
  }
}
