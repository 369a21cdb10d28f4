package dev.baton.bench.result;

import dev.baton.bench.report.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Rows as CSV (RFC 4180): what they are of, then median, lowest and highest of each metric, empty
 * where a row has none.
 */
public final class SplitCsv {
  private static final String LINE_END = "\r\n";

  private SplitCsv() {}

  public static String of(List<SplitRow> rows) {
    List<String> head =
        new ArrayList<>(
            List.of("link", "prompt_tokens", "output_tokens", "split", "boundary_layer", "runs"));
    for (Metric metric : Metric.values()) {
      head.add(metric.column());
      head.add(metric.column() + "_low");
      head.add(metric.column() + "_high");
    }
    StringBuilder text = new StringBuilder(String.join(",", head)).append(LINE_END);
    rows.forEach(row -> text.append(line(row)).append(LINE_END));
    return text.toString();
  }

  private static String line(SplitRow row) {
    SplitRow.Key key = row.key();
    List<String> cells = new ArrayList<>();
    cells.add(key.link());
    cells.add(Integer.toString(key.promptTokens()));
    cells.add(Integer.toString(key.outputTokens()));
    cells.add(key.split());
    cells.add(Integer.toString(row.boundaryLayer()));
    cells.add(Integer.toString(row.runs()));
    for (Metric metric : Metric.values()) {
      Spread value = row.values().get(metric);
      cells.add(value == null ? "" : number(value.median()));
      cells.add(value == null ? "" : number(value.low()));
      cells.add(value == null ? "" : number(value.high()));
    }
    return String.join(",", cells);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.6g", value);
  }
}
