package dev.baton.bench.micro;

import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.WrongResult;
import dev.baton.file.WholeFile;
import dev.baton.kernel.NativeKernels;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code baton bench micro}: the JMH benchmarks. */
@Command(
    name = MicroCommand.NAME,
    header =
        "Time the parts that time goes to with JMH, kernels as shares of what the machine reaches.",
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton bench micro matmul --param type=Q4_0,Q8_0 --param tokens=256",
      "  baton bench micro --quick --json micro.json"
    })
public final class MicroCommand implements Callable<Integer> {
  static final String NAME = "micro";
  private static final int DONE = 0;

  private final PrintStream out;
  private final PrintStream err;
  private final Progress progress;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILTER",
      description = "A regular expression that the benchmark's name has to hold (default: all).")
  private String filter = "";

  @Option(
      names = "--param",
      paramLabel = "NAME=V[,V]",
      description = "Values of a parameter instead of the usual ones; --list shows the names.")
  private Map<String, String> chosen = new LinkedHashMap<>();

  @Option(
      names = "--quick",
      description = "One short iteration of each: whether it works and about how fast.")
  private boolean quick;

  @Option(names = "--list", description = "Say what there is, and run nothing.")
  private boolean list;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", paramLabel = "FILE", description = "Write the figures there too.")
  private @Nullable Path json;

  @Option(names = "--jmh-json", paramLabel = "FILE", description = "Write JMH's own record there.")
  private @Nullable Path jmhJson;

  public MicroCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException {
    List<MicroBenchmark> selected = selected();
    if (list) {
      selected.forEach(benchmark -> out.println(listed(benchmark)));
      return DONE;
    }
    requireWritable("--json", json);
    requireWritable("--jmh-json", jmhJson);
    List<MicroBenchmark> benchmarks = measurable(selected);
    Provenance provenance = Provenance.now(words(), null);
    out.println(provenance.machine().title());
    List<MicroTrial> trials = new ArrayList<>();
    MicroRun run = measure(benchmarks, trials);
    if (json != null) {
      List<ResultFigure> figures =
          trials.stream().flatMap(trial -> trial.figures().stream()).toList();
      WholeFile.write(json, BenchResult.of(NAME, true, provenance, figures, trials).json());
    }
    if (jmhJson != null) {
      WholeFile.write(jmhJson, run.jmhJson());
    }
    return DONE;
  }

  private List<String> words() {
    return List.copyOf(spec.commandLine().getParseResult().originalArgs());
  }

  /**
   * All, or all but the kernels where there are none.
   *
   * @throws WrongResult where nothing is left
   */
  private List<MicroBenchmark> measurable(List<MicroBenchmark> selected) {
    Optional<String> missing = NativeKernels.whyMissing();
    List<MicroBenchmark> kernels =
        missing.isEmpty() ? List.of() : selected.stream().filter(MicroBenchmark::isKernel).toList();
    List<MicroBenchmark> others = selected.stream().filter(one -> !kernels.contains(one)).toList();
    if (others.isEmpty()) {
      throw new WrongResult(missing.orElse("nothing was selected"));
    }
    if (!kernels.isEmpty()) {
      err.println("baton: not measured: " + names(kernels) + ": " + missing.orElse(""));
    }
    return others;
  }

  /** Prints each trial as it ends. */
  private MicroRun measure(List<MicroBenchmark> benchmarks, List<MicroTrial> trials) {
    TrialTable table = new TrialTable(benchmarks);
    int all = benchmarks.stream().mapToInt(MicroBenchmark::trials).sum();
    MicroRun run =
        new MicroRun(
            quick,
            trial -> progress.show(trial + ", " + (trials.size() + 1) + " of " + all),
            trial -> {
              progress.clear();
              out.println(table.row(trial));
              trials.add(trial);
            });
    out.println(table.header());
    try {
      benchmarks.forEach(run::run);
    } finally {
      progress.clear();
    }
    return run;
  }

  /**
   * The benchmarks to run, with their parameters.
   *
   * @throws IllegalArgumentException where a filter, a name or a value fits none
   */
  private List<MicroBenchmark> selected() {
    Pattern wanted;
    try {
      wanted = Pattern.compile(filter);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "'" + filter + "' is no regular expression: " + e.getDescription());
    }
    List<MicroBenchmark> all = MicroBenchmark.all();
    List<MicroBenchmark> matching =
        all.stream().filter(benchmark -> wanted.matcher(benchmark.name()).find()).toList();
    if (matching.isEmpty()) {
      throw new IllegalArgumentException(
          "no benchmark is called '" + filter + "'; there are " + names(all));
    }
    Map<String, List<String>> values = new LinkedHashMap<>();
    chosen.forEach((param, text) -> values.put(param, List.of(text.split(",", -1))));
    for (String param : values.keySet()) {
      if (matching.stream().noneMatch(benchmark -> benchmark.params().containsKey(param))) {
        throw new IllegalArgumentException(
            "--param " + param + ": " + names(matching) + " have no such parameter; see --list");
      }
    }
    return matching.stream().map(benchmark -> benchmark.with(values)).toList();
  }

  private static String names(List<MicroBenchmark> benchmarks) {
    return benchmarks.stream().map(MicroBenchmark::name).collect(Collectors.joining(", "));
  }

  private static String listed(MicroBenchmark benchmark) {
    return benchmark.name()
        + benchmark.params().entrySet().stream()
            .map(param -> "  " + param.getKey() + "=" + String.join(",", param.getValue()))
            .collect(Collectors.joining());
  }

  private static void requireWritable(String option, @Nullable Path file) {
    if (file == null) {
      return;
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null
        || !Files.isDirectory(folder)
        || !Files.isWritable(folder)
        || Files.isDirectory(file)) {
      throw new IllegalArgumentException(option + " " + file + " cannot be written");
    }
  }
}
