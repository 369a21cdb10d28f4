package dev.baton.bench.report;

import java.util.Locale;

/** A part's figures as a table for people. */
public final class ReportTable {
  private static final String ROW = "  %-58s %10s  %-22s %8s  %s%n";

  private ReportTable() {}

  public static String of(PartReport report) {
    StringBuilder text = new StringBuilder(report.part()).append('\n');
    if (report.wrong() != null) {
      text.append("  WRONG: ").append(report.wrong()).append('\n');
    }
    if (report.unavailable() != null) {
      text.append("  not measured: ").append(report.unavailable()).append('\n');
    }
    if (!report.figures().isEmpty()) {
      text.append(String.format(ROW, "figure", "median", "low .. high (rounds)", "bar", "met"));
    }
    for (Figure figure : report.figures()) {
      text.append(row(figure));
    }
    for (String note : report.notes()) {
      text.append("  ").append(note).append('\n');
    }
    return text.toString().replaceAll(" +\n", "\n");
  }

  private static String row(Figure figure) {
    Spread value = figure.value();
    String spread =
        value.rounds() == 1
            ? ""
            : number(value.low()) + " .. " + number(value.high()) + " (" + value.rounds() + ")";
    Figure.Bar bar = figure.bar();
    String limit = bar == null ? "" : (bar.atLeast() ? ">= " : "<= ") + number(bar.limit());
    String met = bar == null ? "" : figure.isMet() ? "yes" : "no";
    return String.format(
        ROW, figure.name(), number(value.median()) + " " + figure.unit(), spread, limit, met);
  }

  /** Three digits are more than noise leaves. */
  private static String number(double value) {
    double size = Math.abs(value);
    String format = size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f";
    return String.format(
        Locale.ROOT, value == Math.rint(value) && size < 1e9 ? "%.0f" : format, value);
  }
}
