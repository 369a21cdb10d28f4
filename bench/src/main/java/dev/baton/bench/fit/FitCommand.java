package dev.baton.bench.fit;

import dev.baton.bench.fit.Holdout.Tested;
import dev.baton.bench.fit.PublishedSpeed.Kind;
import dev.baton.bench.fit.PublishedSpeed.Phase;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton bench fit}: makes the device catalog's coefficients, and says how good they are. */
@Command(
    name = "fit",
    header = "Fit the device catalog to published speeds, and test it on what was left out.")
public final class FitCommand implements Callable<Integer> {
  private static final String ROW = "%-34s %14s %14s %14s %14s   %s%n";

  /** How much all prior deviations are changed, to see whether the figures hang on them. */
  private static final List<Double> OTHER_SCALES = List.of(0.5, 2.0);

  private final PrintStream out;

  @Option(
      names = "--write",
      paramLabel = "FILE",
      description =
          "Write the coefficients there; the engine's are in"
              + " engine/src/main/resources/dev/baton/device/coefficients.csv.")
  private @Nullable Path file;

  public FitCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException {
    PublishedSpeeds speeds = PublishedSpeeds.load();
    int left = speeds.leftOut().values().stream().mapToInt(Integer::intValue).sum();
    out.printf("%d published speeds, %d left out:%n", speeds.rows().size() + left, left);
    speeds.leftOut().forEach((why, rows) -> out.printf("%6d  %s%n", rows, why));
    CatalogFit fit = CatalogFit.of(new SpeedFit(1), speeds.rows());
    print(fit);
    for (double scale : OTHER_SCALES) {
      List<Tested> tested = Holdout.DEVICE.test(new SpeedFit(scale)::of, speeds.rows());
      printRow(String.format(Locale.ROOT, "the device, priors x %.1f", scale), tested, "");
    }
    printRow(
        "the device, priors chosen without",
        Holdout.DEVICE.test(SpeedFit::withScaleChosen, speeds.rows()),
        "");
    if (file != null) {
      Files.writeString(file, fit.asCsv());
      out.printf("%n%d coefficients in %s%n", fit.coefficients().values().size(), file);
    }
    return 0;
  }

  private void print(CatalogFit fit) {
    out.printf(
        "%nHow far predictions are off in %%, mean / nine of ten, when the fit has not seen ...%n");
    out.printf(ROW, "", "decode dense", "decode MoE", "prefill dense", "prefill MoE", "all");
    fit.tested().forEach((holdout, tested) -> printRow(holdout.title(), tested, bar(holdout)));
    printRow("the device, but one short run", fit.refined(), "");
  }

  private static String bar(Holdout holdout) {
    return switch (holdout) {
      case DEVICE -> "  (bars: 9, 10, 10, 20)";
      case DEPTH -> "  (bar: 6)";
      case FAMILY, MODEL -> "";
    };
  }

  private void printRow(String title, List<Tested> tested, String bar) {
    out.printf(
        ROW,
        title,
        spread(tested, Phase.DECODE, Kind.DENSE),
        spread(tested, Phase.DECODE, Kind.MOE),
        spread(tested, Phase.PREFILL, Kind.DENSE),
        spread(tested, Phase.PREFILL, Kind.MOE),
        ErrorSpread.of(tested) + bar);
  }

  private static ErrorSpread spread(List<Tested> tested, Phase phase, Kind kind) {
    return ErrorSpread.of(
        tested.stream().filter(t -> t.row().phase() == phase && t.row().kind() == kind).toList());
  }
}
