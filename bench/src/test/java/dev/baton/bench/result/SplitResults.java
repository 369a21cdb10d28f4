package dev.baton.bench.result;

import dev.baton.Timeline;
import dev.baton.bench.report.Machine;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.Spread;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;

/** Made-up results of the split benchmark. */
final class SplitResults {
  private SplitResults() {}

  /** The time to the first token of each split by prompt length, over one link. */
  static List<SplitRow> rows(
      String link, Map<String, IntToDoubleFunction> ttftMs, int output, int... prompts) {
    List<SplitRow> rows = new ArrayList<>();
    for (int prompt : prompts) {
      ttftMs.forEach(
          (split, ms) -> rows.add(row(link, prompt, output, split, ms.applyAsDouble(prompt))));
    }
    return rows;
  }

  private static SplitRow row(String link, int prompt, int output, String split, double ms) {
    Map<Metric, Spread> values = new EnumMap<>(Metric.class);
    values.put(Metric.TTFT, new Spread(ms, 0.98 * ms, 1.02 * ms, 5));
    values.put(Metric.PREFILL, Spread.exactly(1e3 * prompt / ms));
    values.put(Metric.E2E, new Spread(ms + output, ms + 0.9 * output, ms + 1.1 * output, 5));
    values.put(Metric.MOVED, Spread.exactly(split.equals(SplitRow.LOCAL) ? 0 : prompt));
    if (!split.equals(SplitRow.LOCAL)) {
      values.put(Metric.HIDDEN, new Spread(80, 70, 90, 5));
    }
    if (output > 1) {
      values.put(Metric.TPOT, new Spread(1, 0.9, 1.1, 5));
      values.put(Metric.ITL_P50, new Spread(1, 0.9, 1.1, 5));
      values.put(Metric.ITL_P99, new Spread(2, 1.9, 2.1, 5));
    }
    values.put(Metric.PREDICTED_TTFT, Spread.exactly(1.1 * ms));
    values.put(Metric.PREDICTED_E2E, Spread.exactly(0.9 * (ms + output)));
    int boundary =
        switch (split) {
          case SplitRow.LOCAL -> 0;
          case SplitRow.REMOTE, SplitRow.AUTO -> 6;
          default -> Integer.parseInt(split);
        };
    return new SplitRow(new SplitRow.Key(link, prompt, output, split), boundary, values);
  }

  static SplitResult of(List<SplitRow> rows) {
    Provenance from =
        new Provenance(
            "0.1.0",
            "0123456789abcdef",
            false,
            Instant.parse("2026-01-02T03:04:05Z"),
            List.of("split", "--repeat", "5"),
            new Machine("cpu <x> & 'y'", "avx512", 2, 2500.0, 1L << 34, "Linux 6 amd64"),
            new Provenance.Model("tiny", "tiny.gguf", "ab"));
    List<String> links = rows.stream().map(row -> row.key().link()).distinct().toList();
    Timeline timeline =
        new Timeline(
            List.of(
                new Timeline.Span(
                    Timeline.Lane.PREFILL, "layer 0, tokens 0-63", 1_000_000, 4_000_000, 0),
                new Timeline.Span(
                    Timeline.Lane.PREFILL, "layer 1, tokens 0-63", 4_000_000, 8_000_000, 0),
                new Timeline.Span(
                    Timeline.Lane.WIRE, "layer 0, tokens 0-63", 4_000_000, 6_000_000, 3000),
                new Timeline.Span(
                    Timeline.Lane.WIRE, "layer 1, tokens 0-63", 8_000_000, 9_000_000, 1000),
                new Timeline.Span(Timeline.Lane.DECODE, "4 tokens", 10_000_000, 30_000_000, 0)),
            10_000_000,
            50_000);
    return new SplitResult(
        from,
        true,
        new SplitResult.Setup(
            "two unlike nodes", 6, links, List.of("not measured over 1gbit: no tc"), "none"),
        rows,
        new SplitResult.Request(new SplitRow.Key(links.getFirst(), 64, 4, "remote"), timeline));
  }
}
