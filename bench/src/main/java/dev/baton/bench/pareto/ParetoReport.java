package dev.baton.bench.pareto;

import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.bench.report.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Models side by side.
 *
 * @param candidates in the order they were named in
 * @param budgetUsd what is to be spent on answers
 * @param notes how to read it
 */
record ParetoReport(List<Candidate> candidates, double budgetUsd, List<String> notes) {
  private static final String ROW =
      "%-2s%-18s %9s %10s %16s %16s %10s %9s %9s %10s %11s %12s %11s%n";

  /** For people. */
  String table() {
    StringBuilder text = new StringBuilder("pareto\n");
    text.append(
        String.format(
            Locale.ROOT,
            ROW,
            "",
            "model",
            "bits/byte",
            "perplexity",
            "prefill tok/s",
            "decode tok/s",
            "answer",
            "memory",
            "resident",
            "energy",
            "price",
            "answers/" + money(budgetUsd),
            "bits/joule"));
    candidates.forEach(candidate -> text.append(row(candidate)));
    notes.forEach(note -> text.append("  ").append(note).append('\n'));
    return text.toString();
  }

  private String row(Candidate of) {
    return String.format(
        Locale.ROOT,
        ROW,
        of.isOnFront(candidates) ? "*" : "",
        of.model().substring(of.model().lastIndexOf('/') + 1),
        String.format(Locale.ROOT, "%.3f", of.quality().bitsPerByte()),
        String.format(Locale.ROOT, "%.3f", of.quality().perplexity()),
        rate(of.answer().prefill()),
        rate(of.answer().decode()),
        String.format(Locale.ROOT, "%.3g s", of.answer().answerSeconds().median()),
        megabytes(of.memory().memoryBytes()),
        of.memory().residentBytes() == 0 ? "?" : megabytes(of.memory().residentBytes()),
        String.format(Locale.ROOT, "%.3g J", of.price().joules().median()),
        String.format(Locale.ROOT, "$%.3g", of.price().usd()),
        String.format(Locale.ROOT, "%.3g", budgetUsd / of.price().usd()),
        String.format(Locale.ROOT, "%.3g", of.price().savedBitsPerJoule()));
  }

  private static String rate(Spread spread) {
    return String.format(
        Locale.ROOT, "%.0f (%.0f..%.0f)", spread.median(), spread.low(), spread.high());
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.0f MB", bytes / 1e6);
  }

  private static String money(double usd) {
    return "$" + (usd == Math.rint(usd) ? String.format(Locale.ROOT, "%.0f", usd) : usd);
  }

  /** A model and whether it is on the front, for a file. */
  private record Row(boolean onFront, Candidate candidate) {}

  /** What a file has beside the figures. */
  private record Detail(double budgetUsd, List<Row> models, List<String> notes) {}

  /** The same as it lies in a file. */
  BenchResult result(Provenance provenance) {
    List<ResultFigure> figures = new ArrayList<>();
    List<Row> rows = new ArrayList<>();
    for (Candidate of : candidates) {
      Spread bits = Spread.exactly(of.quality().bitsPerByte());
      String model = of.model() + ", ";
      figures.add(ResultFigure.of(model + "bits/byte", "bits", Better.LOWER, bits));
      figures.add(
          ResultFigure.of(model + "prefill", "tok/s", Better.HIGHER, of.answer().prefill()));
      figures.add(ResultFigure.of(model + "decode", "tok/s", Better.HIGHER, of.answer().decode()));
      figures.add(
          ResultFigure.of(model + "answer", "s", Better.LOWER, of.answer().answerSeconds()));
      figures.add(ResultFigure.of(model + "energy", "J", Better.LOWER, of.price().joules()));
      rows.add(new Row(of.isOnFront(candidates), of));
    }
    Detail detail = new Detail(budgetUsd, rows, notes);
    return BenchResult.of("pareto", true, provenance, figures, detail);
  }
}
