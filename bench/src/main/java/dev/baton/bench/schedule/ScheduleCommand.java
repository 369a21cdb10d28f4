package dev.baton.bench.schedule;

import dev.baton.BatonConfig;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ReportTable;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cli.Within;
import dev.baton.file.WholeFile;
import dev.baton.kernel.KernelsConfig;
import dev.baton.node.NodeCompute;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench schedule}: what the scheduler of a device promises. */
@Command(
    name = "schedule",
    header = "Measure the stall bound, a tiny prompt's wait, a batch's overhead and preemption.",
    description = "%nIn this process, on Baton's kernels, with random prompts and no cache.%n",
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer = "  baton bench schedule --model smollm2-135m --part gaps")
public final class ScheduleCommand implements Callable<Integer> {
  /** What can be measured. */
  enum Part {
    gaps,
    tiny,
    batch,
    preemption,
    all;

    boolean covers(Part one) {
      return this == all || this == one;
    }
  }

  private static final String NAME = "schedule";

  private final PrintStream out;
  private final Progress progress;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "NAME|PATH",
      description = "What to measure with.")
  private String model = "";

  @Option(
      names = "--part",
      paramLabel = "PART",
      defaultValue = "all",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Part part = Part.all;

  @Option(
      names = "--max-stall",
      paramLabel = "MS",
      description = "The stall bound (default: 50, or two decode steps where that is more).")
  @Within(least = BatonConfig.MIN_STALL_MS, most = 60_000)
  private @Nullable Double maxStallMs;

  @Option(
      names = "--chunk",
      paramLabel = "N",
      defaultValue = "128",
      description =
          "Prompt tokens that go through the layers together (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = BatonConfig.MAX_CHUNK_TOKENS)
  private int chunk;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      defaultValue = "4000",
      description = "Tokens of a long prompt, of gaps (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1 << 20)
  private int promptTokens;

  @Option(
      names = "--prompts",
      paramLabel = "N",
      defaultValue = "2",
      description = "Long prompts of a run (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 10_000)
  private int prompts;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "15",
      description = "A run of gaps takes so long at most (default: ${DEFAULT-VALUE}).")
  @Within(above = 0, most = 3600)
  private double seconds;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Repetitions of all (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1000)
  private int rounds;

  @Option(
      names = "--sessions",
      paramLabel = "N",
      defaultValue = "64",
      description = "Sessions of batch (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1024)
  private int sessions;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "32",
      description = "Steps of batch in a round (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 10_000)
  private int steps;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--out", paramLabel = "FILE", description = "Write that object there too.")
  private @Nullable Path file;

  @Spec private CommandSpec spec = CommandSpec.create();

  public ScheduleCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  /** A part's way to measure. */
  private interface Measured {
    PartReport measure() throws InterruptedException;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path path = ModelCatalog.of(System.getenv()).resolve(model);
    Provenance provenance =
        Provenance.now(List.copyOf(spec.commandLine().getParseResult().originalArgs()), path);
    long maxStallNs = maxStallMs == null ? 0 : Math.round(maxStallMs * 1e6);
    ScheduleSetup setup =
        new ScheduleSetup(
            maxStallNs, chunk, promptTokens, prompts, seconds, rounds, sessions, steps);
    Map<String, GapHistogram> histograms = new LinkedHashMap<>();
    List<PartReport> reports = new ArrayList<>();
    if (part.covers(Part.gaps) || part.covers(Part.tiny)) {
      onNode(path, setup, reports, histograms);
    }
    if (part.covers(Part.batch) || part.covers(Part.preemption)) {
      onTimedKernels(path, setup, reports);
    }
    progress.clear();
    boolean right = reports.stream().allMatch(report -> report.wrong() == null);
    BenchResult result =
        BenchResult.of(NAME, right, provenance, figures(reports), new Detail(reports, histograms));
    if (file != null) {
      WholeFile.write(file, result.json());
    }
    if (json) {
      out.print(result.json());
    } else {
      out.println(provenance.machine().title());
      reports.forEach(report -> out.println(ReportTable.of(report)));
    }
    return right ? 0 : 1;
  }

  /** What the result says beside its figures. */
  private record Detail(List<PartReport> parts, Map<String, GapHistogram> histograms) {}

  private void onNode(
      Path path,
      ScheduleSetup setup,
      List<PartReport> reports,
      Map<String, GapHistogram> histograms)
      throws InterruptedException {
    try (NodeCompute compute =
        NodeCompute.open(path, KernelsConfig.fromEnvironment(System.getenv()), _ -> {})) {
      if (part.covers(Part.gaps)) {
        reports.add(
            measured(
                GapsPart.NAME,
                () -> {
                  GapsPart.Found found = new GapsPart(compute, setup, progress).measure();
                  histograms.putAll(found.histograms());
                  return found.report();
                }));
      }
      if (part.covers(Part.tiny)) {
        reports.add(
            measured(TinyPart.NAME, () -> new TinyPart(compute, setup, progress).measure()));
      }
    }
  }

  private void onTimedKernels(Path path, ScheduleSetup setup, List<PartReport> reports)
      throws InterruptedException {
    try (TimedModel timed = TimedModel.open(path)) {
      if (part.covers(Part.batch)) {
        reports.add(
            measured(BatchPart.NAME, () -> new BatchPart(timed, setup, progress).measure()));
      }
      if (part.covers(Part.preemption)) {
        reports.add(
            measured(
                PreemptionPart.NAME, () -> new PreemptionPart(timed, setup, progress).measure()));
      }
    }
  }

  private static PartReport measured(String name, Measured part) throws InterruptedException {
    try {
      return part.measure();
    } catch (WrongResult e) {
      return PartReport.wrong(name, e.reason());
    }
  }

  private static List<ResultFigure> figures(List<PartReport> reports) {
    List<ResultFigure> figures = new ArrayList<>();
    for (PartReport report : reports) {
      for (Figure figure : report.figures()) {
        figures.add(
            ResultFigure.of(
                report.part() + ", " + figure.name(),
                figure.unit(),
                better(figure),
                figure.value()));
      }
    }
    return figures;
  }

  private static Better better(Figure figure) {
    boolean atLeast = figure.bar() != null && figure.bar().atLeast();
    return atLeast || figure.unit().endsWith("/s") ? Better.HIGHER : Better.LOWER;
  }
}
