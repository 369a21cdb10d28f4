package dev.baton.bench.micro;

import dev.baton.bench.report.Spread;
import java.util.Collection;
import java.util.Locale;
import java.util.OptionalDouble;

/** Trials as rows for people, printed as they come. */
final class TrialTable {
  private static final String ROW = "%-NAMEs  %-PARAMSs  %12s  %-16s  %8s  %-12s  %-23s  %5s  %s";

  private final String row;

  /**
   * @param benchmarks all that will be shown, so that the columns are wide enough
   */
  TrialTable(Collection<MicroBenchmark> benchmarks) {
    int name = benchmarks.stream().mapToInt(benchmark -> benchmark.name().length()).max().orElse(0);
    int params = benchmarks.stream().mapToInt(TrialTable::width).max().orElse(0);
    this.row = ROW.replace("NAME", atLeast(name)).replace("PARAMS", atLeast(params));
  }

  private static String atLeast(int width) {
    return Integer.toString(Math.max("benchmark".length(), width));
  }

  /** Of the longest settings that a benchmark has. */
  private static int width(MicroBenchmark benchmark) {
    return benchmark.params().entrySet().stream()
        .mapToInt(param ->
            param.getKey().length()
                + 2
                + param.getValue().stream().mapToInt(String::length).max().orElse(0))
        .sum();
  }

  String header() {
    return line("benchmark", "", "rate", "low .. high", "share", "low .. high", "of", "bar", "met");
  }

  String row(MicroTrial trial) {
    String rate = number(trial.rate().median()) + " " + trial.unit();
    String rates = range(trial.rate());
    MicroTrial.Share share = trial.share();
    if (share == null) {
      return line(trial.name(), trial.settings(), rate, rates, "", "", "", "", "");
    }
    Spread percent = share.percent();
    OptionalDouble bar = trial.bar();
    String limit = bar.isEmpty() ? "" : ">= " + number(bar.getAsDouble());
    String met = bar.isEmpty() ? "" : percent.median() >= bar.getAsDouble() ? "yes" : "no";
    return line(
        trial.name(),
        trial.settings(),
        rate,
        rates,
        number(percent.median()) + " %",
        range(percent),
        share.of().title() + " " + number(share.peak().median()),
        limit,
        met);
  }

  private String line(Object... cells) {
    return String.format(Locale.ROOT, row, cells).stripTrailing();
  }

  private static String range(Spread spread) {
    return spread.rounds() == 1 ? "" : number(spread.low()) + " .. " + number(spread.high());
  }

  /** Three digits are more than noise leaves. */
  private static String number(double value) {
    double size = Math.abs(value);
    String format = size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3g";
    return String.format(Locale.ROOT, format, value);
  }
}
