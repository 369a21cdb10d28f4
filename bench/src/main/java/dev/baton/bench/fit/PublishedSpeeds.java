package dev.baton.bench.fit;

import dev.baton.device.Coefficients;
import dev.baton.device.CsvTable;
import dev.baton.device.DeviceCatalog;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The published speeds of single devices.
 *
 * @param rows in the file's order
 * @param leftOut how many rows were left out for which reason
 */
record PublishedSpeeds(List<PublishedSpeed> rows, Map<String, Integer> leftOut) {
  /**
   * A reason to leave rows out.
   *
   * @param why for people
   * @param of whether it holds for a row
   */
  private record Exclusion(String why, Predicate<CsvTable.Row> of) {}

  private static final Set<String> OTHER_ENGINES = Set.of("Ollama", "SGLang", "vLLM");

  private static final List<Exclusion> EXCLUSIONS =
      List.of(
          new Exclusion("several devices at once", row -> row.text("device").contains("(TP")),
          new Exclusion(
              "DeepSeek-V4-Flash, whose KV is compressed in a way of its own",
              row -> row.text("model").equals("DeepSeek-V4-Flash")),
          new Exclusion(
              "an M1 of 8 GB that swapped: up to 1,849 tokens/s where 94 are usual",
              row -> row.text("device").equals("M1 7c 8GB")),
          new Exclusion(
              "other engines, their settings untold (Ollama, SGLang, vLLM)",
              row -> OTHER_ENGINES.stream().anyMatch(row.text("source")::contains)),
          new Exclusion(
              "cold starts: the first prompt of a run took as long as twice its tokens after it",
              PublishedSpeeds::coldStart),
          new Exclusion(
              "an M5's prefill without the matrix units that its peak counts",
              row -> row.text("device").endsWith("Metal-only") && row.text("test").equals("pp")));

  PublishedSpeeds {
    rows = List.copyOf(rows);
  }

  private static boolean coldStart(CsvTable.Row row) {
    return row.text("device").equals("DGX Spark GB10")
        && row.text("source").contains("batched-bench")
        && row.text("test").equals("pp")
        && row.number("n_tokens") == 512
        && row.number("batch") == 1
        && !row.text("model").startsWith("gemma");
  }

  /** Reads the table that comes with the engine. */
  static PublishedSpeeds load() {
    DeviceCatalog catalog = DeviceCatalog.of(new Coefficients(Map.of()));
    List<PublishedSpeed> rows = new ArrayList<>();
    Map<String, Integer> leftOut = new LinkedHashMap<>();
    for (CsvTable.Row row : CsvTable.resource("published-speeds.csv").rows()) {
      Optional<Exclusion> exclusion = EXCLUSIONS.stream().filter(e -> e.of.test(row)).findFirst();
      if (exclusion.isPresent()) {
        leftOut.merge(exclusion.get().why, 1, Integer::sum);
      } else {
        rows.add(row.as(r -> PublishedSpeed.of(r, catalog)));
      }
    }
    return new PublishedSpeeds(rows, leftOut);
  }
}
