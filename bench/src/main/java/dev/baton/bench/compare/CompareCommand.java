package dev.baton.bench.compare;

import dev.baton.bench.compare.FigureChange.Verdict;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ResultFigure;
import dev.baton.cli.Within;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench compare}: what changed beyond the noise from one result to the next. */
@Command(
    name = "compare",
    header = "Say what changed beyond the noise from one result to another.",
    sortOptions = false,
    description = {
      "%nA figure has changed when all its runs now are on one side of all its runs then, and the"
          + " medians differ by more than --tolerance. Exit code 1 where one became worse, or is no"
          + " longer there.%n"
    },
    footerHeading = "%nExample:%n",
    footer = {"  baton bench compare before/result.json after/result.json"})
public final class CompareCommand implements Callable<Integer> {
  private static final int NOTHING_WORSE = 0;
  private static final int WORSE = 1;

  private final PrintStream out;
  private final PrintStream err;

  @Parameters(index = "0", paramLabel = "OLD.json", description = "The result to hold it against.")
  private Path old = Path.of("");

  @Parameters(index = "1", paramLabel = "NEW.json", description = "The result to judge.")
  private Path now = Path.of("");

  @Option(
      names = "--tolerance",
      paramLabel = "PERCENT",
      defaultValue = "5",
      description = "Medians that differ by no more are the same (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = 100)
  private double tolerancePercent;

  @Option(
      names = "--anyway",
      description = "Compare although the machine or the model is another; it is told of.")
  private boolean anyway;

  @Option(names = "--json", description = "Print one JSON object, with every figure.")
  private boolean json;

  public CompareCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() {
    BenchResult before = BenchResult.read(old);
    BenchResult after = BenchResult.read(now);
    if (!before.benchmark().equals(after.benchmark())) {
      throw new IllegalArgumentException(
          "a result of '"
              + before.benchmark()
              + "' and one of '"
              + after.benchmark()
              + "' have nothing to compare");
    }
    warnOrRefuse(before.provenance(), after.provenance());
    if (!after.complete()) {
      err.println("warning: " + now + " was ended early");
    }
    List<FigureChange> changes = FigureChange.between(before, after, tolerancePercent / 100);
    out.print(json ? asJson(changes) : text(changes));
    return changes.stream().anyMatch(change -> change.verdict().isRegression())
        ? WORSE
        : NOTHING_WORSE;
  }

  /** Figures of another machine or model say nothing of a change of Baton's. */
  private void warnOrRefuse(Provenance before, Provenance after) {
    List<String> other = new ArrayList<>();
    if (!before.machine().isLike(after.machine())) {
      other.add(
          "the machine is another ("
              + before.machine().title()
              + "; "
              + after.machine().title()
              + ")");
    }
    String model = fingerprint(before.model());
    if (!Objects.equals(model, fingerprint(after.model()))) {
      other.add("the model is another (" + name(before.model()) + "; " + name(after.model()) + ")");
    }
    if (!other.isEmpty() && !anyway) {
      throw new IllegalArgumentException(
          String.join(", and ", other) + ": --anyway compares them all the same");
    }
    other.forEach(what -> err.println("warning: " + what));
  }

  private static @Nullable String fingerprint(Provenance.@Nullable Model model) {
    return model == null ? null : model.fingerprint();
  }

  private static String name(Provenance.@Nullable Model model) {
    return model == null ? "none" : model.name();
  }

  private static long count(List<FigureChange> changes, Verdict verdict) {
    return changes.stream().filter(change -> change.verdict() == verdict).count();
  }

  private static String asJson(List<FigureChange> changes) {
    boolean worse = changes.stream().anyMatch(change -> change.verdict().isRegression());
    return JsonMapper.shared().writeValueAsString(Map.of("regression", worse, "changes", changes))
        + System.lineSeparator();
  }

  private static String text(List<FigureChange> changes) {
    StringBuilder text = new StringBuilder();
    for (Verdict verdict : Verdict.values()) {
      if (verdict != Verdict.SAME) {
        changes.stream()
            .filter(change -> change.verdict() == verdict)
            .forEach(change -> text.append(line(change)));
      }
    }
    return text.append(
            String.format(
                Locale.ROOT,
                "%d figures: %d worse, %d gone, %d better, %d new, %d of one run, %d the same%n",
                changes.size(),
                count(changes, Verdict.WORSE),
                count(changes, Verdict.GONE),
                count(changes, Verdict.BETTER),
                count(changes, Verdict.NEW),
                count(changes, Verdict.UNKNOWN),
                count(changes, Verdict.SAME)))
        .toString();
  }

  private static String line(FigureChange change) {
    String percent =
        change.before() == null || change.after() == null
            ? ""
            : String.format(Locale.ROOT, "%+.1f %%", change.percent());
    return String.format(
            Locale.ROOT,
            "%-7s %9s  %-44s  %s -> %s",
            change.verdict().name().toLowerCase(Locale.ROOT),
            percent,
            change.name(),
            figure(change.before()),
            figure(change.after()))
        + System.lineSeparator();
  }

  private static String figure(@Nullable ResultFigure figure) {
    return figure == null
        ? "nothing"
        : String.format(
            Locale.ROOT,
            "%.4g %s (%.4g to %.4g, %d)",
            figure.median(),
            figure.unit(),
            figure.low(),
            figure.high(),
            figure.runs());
  }
}
