package dev.baton.bench.load;

import dev.baton.bench.load.StartCommand.Start;
import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.process.ScratchFolder;
import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.ReportTable;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.CacheFolder;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cli.ContextOption;
import dev.baton.cli.Within;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench load}: the first start of a model, the next ones, and their memory. */
@Command(
    name = "load",
    header = "Start a model for the first time and again, and measure time and memory.",
    description =
        "%nEach start is a process of its own, with a fresh cache folder beside the usual one for"
            + " all of them. Linux only.%n",
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer = "  baton bench load --model tinyllama.gguf")
public final class LoadCommand implements Callable<Integer> {
  private static final double READY_BAR_MS = 300;
  private static final double MEMORY_BAR = 1.1;

  private final PrintStream out;
  private final Progress progress;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "NAME|PATH",
      description = "What to load.")
  private String model = "";

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "5",
      description = "Starts after the first (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1000)
  private int repeat;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  public LoadCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  /** A process that has started and stays. */
  private record Started(ChildJvm process, Start start, double processMs) implements AutoCloseable {
    static Started of(Path model, int contextTokens, Path home) throws InterruptedException {
      long startNs = System.nanoTime();
      ChildJvm process =
          ChildJvm.start(
              List.of(),
              Map.of("BATON_HOME", home.toString()),
              ChildJvm.BENCH,
              List.of("load-start", "--model=" + model, "--ctx-size=" + contextTokens));
      String line = process.readLine();
      if (line == null) {
        try (process) {
          throw process.failure();
        }
      }
      double processMs = (System.nanoTime() - startNs) / 1e6;
      return new Started(process, JsonMapper.shared().readValue(line, Start.class), processMs);
    }

    /** Its share of the memory, where pages that n processes have count as one n-th. */
    double proportionalBytes() {
      process.send("");
      return Double.parseDouble(String.valueOf(process.readLine()));
    }

    @Override
    public void close() {
      process.close();
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path file = ModelCatalog.of(System.getenv()).resolve(model).toAbsolutePath();
    Path home =
        Files.createTempDirectory(
            Files.createDirectories(CacheFolder.of(System.getenv())), "bench-load-");
    PartReport report;
    try {
      report = PartReport.measured(model, figures(file, home), notes());
    } catch (WrongResult e) {
      report = PartReport.wrong(model, e.reason());
    } finally {
      ScratchFolder.delete(home);
    }
    progress.clear();
    out.println(json ? JsonMapper.shared().writeValueAsString(report) : ReportTable.of(report));
    return report.wrong() == null ? 0 : 1;
  }

  private static List<String> notes() {
    return List.of(
        "ready: from the call that opens the model, in a JVM that is up, until it takes requests",
        "process: from starting the JVM to an answer of four tokens",
        "resident: grown by the model in use, its KV, scratch and vocabulary, over the GGUF's"
            + " size");
  }

  private List<Figure> figures(Path file, Path home) throws IOException, InterruptedException {
    double modelBytes = Files.size(file);
    progress.show("the first start");
    Start first;
    double firstProcessMs;
    try (Started started = Started.of(file, context.tokens(), home)) {
      first = started.start();
      firstProcessMs = started.processMs();
    }
    List<Started> again = new ArrayList<>();
    List<Double> pair = new ArrayList<>();
    for (int i = 0; i < repeat; i++) {
      progress.show("start " + (i + 1) + " of " + repeat);
      try (Started one = Started.of(file, context.tokens(), home);
          Started other = Started.of(file, context.tokens(), home)) {
        for (Started started : List.of(one, other)) {
          if (!started.start().answer().equals(first.answer())) {
            throw new WrongResult("a start gives another answer than the first");
          }
        }
        again.add(one);
        pair.add((one.proportionalBytes() + other.proportionalBytes()) / modelBytes);
      }
    }
    return List.of(
        Figure.of("first start: ready", Spread.exactly(first.readyMs()), "ms"),
        Figure.of("first start: process", Spread.exactly(firstProcessMs), "ms"),
        Figure.atMost(
            MEMORY_BAR,
            "first start: resident",
            Spread.exactly(first.grownBytes() / modelBytes),
            "x"),
        Figure.atMost(
            READY_BAR_MS,
            "second start, weights " + again.getFirst().start().origin() + ": ready",
            spread(again.stream().map(one -> one.start().readyMs())),
            "ms"),
        Figure.of(
            "second start: first token",
            spread(again.stream().map(one -> one.start().firstTokenMs())),
            "ms"),
        Figure.of("second start: process", spread(again.stream().map(Started::processMs)), "ms"),
        Figure.atMost(
            MEMORY_BAR,
            "second start: resident",
            spread(again.stream().map(one -> one.start().grownBytes() / modelBytes)),
            "x"),
        Figure.of("two processes and their JVMs: memory of both", spread(pair.stream()), "x"));
  }

  private static Spread spread(Stream<Double> values) {
    return Spread.of(values.toList());
  }
}
