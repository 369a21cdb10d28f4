package dev.baton.bench.split;

import dev.baton.Split;
import dev.baton.arch.ModelShape;
import dev.baton.arch.family.Families;
import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.WrongResult;
import dev.baton.bench.result.SplitFiles;
import dev.baton.bench.result.SplitResult;
import dev.baton.bench.result.SplitText;
import dev.baton.catalog.CatalogException;
import dev.baton.cli.ContextOption;
import dev.baton.cli.Within;
import dev.baton.gguf.GgufFile;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench split}: what it brings to cut a request here or there, as a page. */
@Command(
    name = "split",
    header = "Measure requests cut in different ways, over different links, and draw a report.",
    sortOptions = false,
    description = {
      "%nA prefill node and a decode process on this machine, as unlike as it allows (with two"
          + " cores and AVX-512, a core each and the decode process held to AVX2), and a link"
          + " between them. Requests of every length really run, cut in every way, in rounds of"
          + " random order; what was predicted stands beside what was measured.",
      "Writes report.html, which needs no network, plot.svg, rows.csv and result.json, which 'baton"
          + " bench compare' reads. Ctrl-C keeps the rows so far.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton bench split",
      "  baton bench split --model smollm2-135m --prompt 128,512,2048 --output 1,32,128"
          + " --split local,remote,auto,10,20 --link lo,100mbit,1gbit --repeat 5"
    })
public final class SplitCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final List<Integer> PROMPTS = List.of(64, 128, 256, 512, 896, 2048);
  private static final List<Integer> OUTPUTS = List.of(1, 32);
  private static final List<String> LINKS = List.of("lo", "100mbit");
  private static final Pattern CUDA = Pattern.compile("(?i)CUDA(\\d{1,3})");
  private static final int MOST_TOKENS = 1 << 20;

  /** A signal to the terminal's whole group ends the nodes a little before this process. */
  private static final long SIGNAL_MS = 500;

  private final PrintStream out;
  private final PrintStream err;
  private final Progress progress;

  @Spec private @Nullable CommandSpec spec;

  @Mixin private ModelChoice model = new ModelChoice("baton-tiny");

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--prompt",
      split = ",",
      paramLabel = "TOKENS",
      description = "Prompts' lengths (default: those of 64 to 2048 that fit the model's context).")
  @Within(least = 1, most = MOST_TOKENS)
  private @Nullable List<Integer> prompts;

  @Option(
      names = "--output",
      split = ",",
      paramLabel = "TOKENS",
      description = "Answers' lengths (default: 1,32).")
  @Within(least = 1, most = MOST_TOKENS)
  private @Nullable List<Integer> outputs;

  @Option(
      names = "--split",
      split = ",",
      paramLabel = "WHERE",
      description =
          "local, remote, auto, or a layer number (default: these three, and layers at a third and"
              + " two thirds of the model).")
  private @Nullable List<String> splits;

  @Option(
      names = "--link",
      split = ",",
      paramLabel = "LINK",
      description =
          "lo, or a rate such as 100mbit or 1gbit, which needs root or user namespaces, and ip and"
              + " tc (default: lo,100mbit).")
  private @Nullable List<String> links;

  @Mixin private DevicesOptions devices = new DevicesOptions();

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "9",
      description = "Rounds; medians and extremes are of these (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 100)
  private int rounds;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Of the prompts' tokens and the order (default: ${DEFAULT-VALUE}).")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private long seed;

  @Option(
      names = "--watts",
      paramLabel = "W|DEVICE",
      description =
          "What the machine draws under load, or a device of the catalog: energy by this, and"
              + " marked so, where the machine has no counters.")
  private @Nullable String watts;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "baton-split",
      description = "Where the files go (default: ${DEFAULT-VALUE}).")
  private Path folder = Path.of("");

  @Option(names = "--json", description = "Print result.json as well, in place of the table.")
  private boolean json;

  public SplitCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws CatalogException, IOException, InterruptedException {
    List<BenchLink> wantedLinks =
        distinct("--link", links == null ? LINKS : links).stream().map(BenchLink::parse).toList();
    EnergyMeter energy = EnergyMeter.here(watts, cudaCard());
    List<String> leftOut = new ArrayList<>();
    List<BenchLink> there = available(wantedLinks, leftOut);
    Path file = model.file();
    ModelShape config;
    try (GgufFile gguf = GgufFile.open(file)) {
      config = Families.shape(gguf);
    }
    SplitMatrix.Wanted wanted = wanted(config);
    SplitFiles files = SplitFiles.in(folder);
    Provenance provenance = Provenance.now(words(), file);
    PairKind kind = PairKind.of(provenance.machine(), devices.prefill(), devices.decode());
    SplitResult.Setup setup =
        new SplitResult.Setup(
            kind.title(provenance.machine()),
            config.layers(),
            there.stream().map(BenchLink::name).toList(),
            leftOut,
            energy.source());
    leftOut.forEach(why -> err.println("note: " + why));
    SplitRuns runs = new SplitRuns(provenance, setup, energy.metric());
    SplitMatrix matrix =
        new SplitMatrix(wanted, kind.isExact(), runs, energy, progress, there.size());
    if (!measure(file, kind, there, matrix, runs, files)) {
      return DONE;
    }
    SplitResult result = runs.result(true);
    files.write(result);
    progress.clear();
    out.print(json ? result.asResult().json() : SplitText.of(result, files));
    return DONE;
  }

  /** The number of the NVIDIA card that a node computes on. */
  private OptionalInt cudaCard() {
    return Stream.of(devices.prefill(), devices.decode())
        .map(CUDA::matcher)
        .filter(Matcher::matches)
        .mapToInt(name -> Integer.parseInt(name.group(1)))
        .findFirst();
  }

  /**
   * Measures over all links.
   *
   * @return false when the process is ending, and what was measured so far has been kept
   */
  private boolean measure(
      Path file,
      PairKind kind,
      List<BenchLink> over,
      SplitMatrix matrix,
      SplitRuns runs,
      SplitFiles files)
      throws IOException, InterruptedException {
    Thread keep = new Thread(() -> keepSoFar(runs, files), "baton-bench-keep");
    Runtime.getRuntime().addShutdownHook(keep);
    @Nullable RuntimeException failed = null;
    try {
      for (BenchLink link : over) {
        progress.show(link.name() + ": both nodes and their link");
        try (UnlikePair pair = new UnlikePair(file, kind, context.tokens(), link.prefix())) {
          matrix.measure(pair, link.name());
        }
      }
    } catch (WrongResult | IllegalStateException e) {
      // Nodes that are gone, or cannot be begun any more, where this process is ending.
      failed = e;
      Thread.sleep(SIGNAL_MS);
    }
    try {
      Runtime.getRuntime().removeShutdownHook(keep);
    } catch (IllegalStateException _) {
      return false;
    }
    if (failed != null) {
      progress.clear();
      throw failed;
    }
    return true;
  }

  private void keepSoFar(SplitRuns runs, SplitFiles files) {
    progress.clear();
    SplitResult result = runs.result(false);
    if (result.rows().isEmpty()) {
      err.println("baton: ended before the first request was measured; nothing was written");
      return;
    }
    try {
      files.write(result);
      err.println(
          "baton: ended early; the "
              + result.rows().size()
              + " rows so far are in "
              + files.folder());
    } catch (IOException e) {
      err.println("baton: ended early, and the rows so far cannot be written: " + e.getMessage());
    }
  }

  /** Links that can be had; one that was asked for by name has to be. */
  private List<BenchLink> available(List<BenchLink> wanted, List<String> leftOut) {
    List<BenchLink> there = new ArrayList<>();
    for (BenchLink link : wanted) {
      String missing = link.whyMissing();
      if (missing == null) {
        there.add(link);
      } else if (links != null) {
        throw new IllegalStateException(
            "--link " + link.name() + " cannot be had here: " + missing + "; use --link lo");
      } else {
        leftOut.add("not measured over " + link.name() + ": " + missing);
      }
    }
    return there;
  }

  private SplitMatrix.Wanted wanted(ModelShape config) {
    int asked = this.context.tokens();
    int context = asked == 0 ? config.context() : Math.min(asked, config.context());
    List<Integer> answers = distinct("--output", outputs == null ? OUTPUTS : outputs);
    int longest = Collections.max(answers);
    List<Integer> lengths =
        prompts == null
            ? PROMPTS.stream().filter(length -> length <= context - longest).toList()
            : distinct("--prompt", prompts);
    require(!lengths.isEmpty(), "no default --prompt fits the model's context of " + context);
    for (int length : lengths) {
      require(
          length + longest <= context,
          "--prompt "
              + length
              + " with --output "
              + longest
              + " does not fit the model's context of "
              + context
              + " tokens");
    }
    return new SplitMatrix.Wanted(lengths, answers, splits(config.layers()), rounds, seed);
  }

  private List<String> splits(int layers) {
    List<String> given = splits;
    if (given == null) {
      List<String> usual = new ArrayList<>(List.of("local", "remote", "auto"));
      for (int layer : new int[] {layers / 3, 2 * layers / 3}) {
        if (layer > 0 && layer < layers && !usual.contains(Integer.toString(layer))) {
          usual.add(Integer.toString(layer));
        }
      }
      return usual;
    }
    for (String split : given) {
      if (Split.parse(split) instanceof Split.At(int layer)) {
        require(
            layer <= layers,
            "--split " + split + " is past the model's last layer, which is " + layers);
      }
    }
    return distinct("--split", given);
  }

  private static <T> List<T> distinct(String option, List<T> values) {
    require(
        !values.isEmpty() && new LinkedHashSet<>(values).size() == values.size(),
        option + " names each value once");
    return values;
  }

  private List<String> words() {
    return spec == null
        ? List.of()
        : List.copyOf(spec.commandLine().getParseResult().originalArgs());
  }

  private static void require(boolean holds, String rule) {
    if (!holds) {
      throw new IllegalArgumentException(rule);
    }
  }
}
