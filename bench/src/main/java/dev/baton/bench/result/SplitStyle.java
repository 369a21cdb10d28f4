package dev.baton.bench.result;

import dev.baton.plot.PlotStyle;
import java.util.List;
import java.util.Locale;

/**
 * Which colour a split has, the same in every plot and the table, and how times are written.
 *
 * @param layers the splits that are layer numbers, in the order of their colours
 */
record SplitStyle(List<String> layers) {
  private static final List<String> NAMED = List.of(SplitRow.AUTO, SplitRow.LOCAL, SplitRow.REMOTE);

  static SplitStyle of(List<SplitRow> rows) {
    return new SplitStyle(
        rows.stream()
            .map(row -> row.key().split())
            .filter(split -> !NAMED.contains(split))
            .distinct()
            .toList());
  }

  private int number(String split) {
    int named = NAMED.indexOf(split);
    return named >= 0 ? named : NAMED.size() + layers.indexOf(split) % 3;
  }

  String stroke(String split) {
    return PlotStyle.stroke(number(split));
  }

  String fill(String split) {
    return PlotStyle.fill(number(split));
  }

  /** A time for an axis or a tip. */
  static String time(double ms) {
    return ms >= 1000
        ? digits(ms / 1000) + " s"
        : ms >= 1 ? digits(ms) + " ms" : digits(ms * 1000) + " µs";
  }

  /** Three digits, no zeros at the end. */
  static String digits(double value) {
    double size = Math.abs(value);
    String text =
        String.format(Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.2f", value);
    return text.contains(".") ? text.replaceAll("0+$", "").replaceAll("\\.$", "") : text;
  }
}
