package dev.baton.bench.peer;

import dev.baton.bench.peer.PeerRounds.Rounds;
import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ReportTable;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.cli.Within;
import dev.baton.kernel.KernelsConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code baton bench peer}: Baton beside other engines, in turns, on one model. */
@Command(
    name = "peer",
    header = "Measure Baton beside other engines, and as shares of what this machine can do.",
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton bench peer --peer llama.cpp=./llama-bench --model tinyllama.gguf --depth 128,4096",
      "  baton bench peer --peer other=other.toml --model tinyllama.gguf"
    })
public final class PeerCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int MOST = 1 << 20;

  private final PrintStream out;
  private final Progress progress;

  @Option(
      names = "--peer",
      required = true,
      paramLabel = "NAME=FILE",
      description =
          "An engine: the llama-bench program of llama.cpp or of a fork, or an adapter file that"
              + " ends in .toml. May be given several times.")
  private Map<String, Path> engines = new LinkedHashMap<>();

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "GGUF",
      description = "The file that both run.")
  private Path model = Path.of("");

  @Option(
      names = "--threads",
      split = ",",
      paramLabel = "N",
      defaultValue = "1,2",
      description = "Each number of threads in turn (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = KernelsConfig.MAX_THREADS)
  private int[] threads = {};

  @Option(
      names = "--prompt",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description = "The prompt to prefill (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = MOST)
  private int prompt;

  @Option(
      names = "--output",
      paramLabel = "TOKENS",
      defaultValue = "64",
      description = "The answer to decode (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = MOST)
  private int output;

  @Option(
      names = "--depth",
      split = ",",
      paramLabel = "TOKENS",
      defaultValue = "128",
      description = "What stands before the answer (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = MOST)
  private int[] depths = {};

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "8",
      description =
          "Also decode this many sequences together, at the first depth, Baton alone; 1 for not"
              + " (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 256)
  private int sequences;

  @Option(
      names = "--chunk",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description =
          "Baton's prefill chunk; llama-bench's ubatch is 512 too (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = MOST)
  private int chunk;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "5",
      description = "Rounds (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1000)
  private int rounds;

  @Option(
      names = "--llama-bench-options",
      split = " ",
      paramLabel = "WORDS",
      description = "More for each llama-bench, such as '-fa 1'.")
  private List<String> more = List.of();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  public PeerCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    requireSound();
    Provenance provenance =
        Provenance.now(spec.commandLine().getParseResult().originalArgs(), model);
    List<Figure> figures = new ArrayList<>();
    try {
      List<Peer> peers = peers();
      for (int count : threads) {
        figures.addAll(measure(peers, count));
      }
    } finally {
      progress.clear();
    }
    String name = model.getFileName().toString();
    PartReport report = PartReport.measured(name, figures, List.of(note()));
    out.println(json ? result(provenance, report).json() : ReportTable.of(report));
    return DONE;
  }

  /** More is better of all that is measured here. */
  private static BenchResult result(Provenance provenance, PartReport report) {
    List<ResultFigure> figures =
        report.figures().stream()
            .map(of -> ResultFigure.of(of.name(), of.unit(), Better.HIGHER, of.value()))
            .toList();
    return BenchResult.of("peer", true, provenance, figures, report);
  }

  private String note() {
    return "Baton in chunks of " + chunk + "; shares are of the peak measured right before";
  }

  private void requireSound() {
    requireFile("--model", model);
    engines.forEach((name, file) -> {
      requireFile("--peer " + name, file);
      if (name.isBlank() || name.equals(PeerRounds.BATON)) {
        throw new IllegalArgumentException("--peer: a peer has a name, and not Baton's");
      }
    });
  }

  private static void requireFile(String option, Path file) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(option + ": " + file + " is no file");
    }
  }

  private static boolean isAdapter(Path file) {
    return file.toString().endsWith(".toml");
  }

  /** The engines: adapters are read before any program is asked what it can do. */
  private List<Peer> peers() throws InterruptedException {
    Map<String, Peer> adapters = new LinkedHashMap<>();
    engines.forEach((name, file) -> {
      if (isAdapter(file)) {
        adapters.put(name, AdapterPeer.read(name, file, model));
      }
    });
    List<Peer> peers = new ArrayList<>();
    for (Map.Entry<String, Path> engine : engines.entrySet()) {
      Peer adapter = adapters.get(engine.getKey());
      peers.add(
          adapter == null
              ? new LlamaBench(engine.getKey(), engine.getValue(), model, more)
              : adapter);
    }
    return peers;
  }

  /** All rounds of one number of threads; who goes first changes from round to round. */
  private List<Figure> measure(List<Peer> peers, int count)
      throws IOException, InterruptedException {
    int context = Math.max(prompt, Arrays.stream(depths).max().orElse(0) + output);
    try (BatonProcess baton = new BatonProcess(model, count, chunk, context, sequences)) {
      PeerRounds result = new PeerRounds(count, baton.work());
      Rounds prefill = new Rounds();
      List<Rounds> decode = Arrays.stream(depths).mapToObj(_ -> new Rounds()).toList();
      List<Double> batch = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        progress.show(count + " threads, round " + (round + 1) + " of " + rounds);
        List<Turn> turns = new ArrayList<>(List.of(turn(baton, () -> baton.prefill(prompt))));
        for (Peer peer : peers) {
          if (peer.prefills()) {
            turns.add(turn(peer, () -> peer.prefill(count, prompt)));
          }
        }
        take(turns, round, prefill);
        for (int i = 0; i < depths.length; i++) {
          if (i == 0 && sequences > 1) {
            batch.add(baton.decode(depths[i], output, sequences));
          }
          take(decodeTurns(baton, peers, count, depths[i]), round, decode.get(i));
        }
      }
      List<Figure> figures = new ArrayList<>(result.peakFigures(prefill.peaks()));
      figures.addAll(result.prefillFigures(prompt, prefill));
      for (int i = 0; i < depths.length; i++) {
        figures.addAll(result.decodeFigures(depths[i], output, decode.get(i)));
      }
      if (!batch.isEmpty()) {
        figures.addAll(result.batchFigures(depths[0], sequences, batch, decode.getFirst().baton()));
      }
      return figures;
    }
  }

  private List<Turn> decodeTurns(BatonProcess baton, List<Peer> peers, int count, int depth) {
    List<Turn> turns = new ArrayList<>(List.of(turn(baton, () -> baton.decode(depth, output, 1))));
    for (Peer peer : peers) {
      if (peer.decodes()) {
        turns.add(turn(peer, () -> peer.decode(count, depth, output)));
      }
    }
    return turns;
  }

  /** One engine's measurement. */
  private interface Turn {
    void take(Rounds rounds) throws IOException, InterruptedException;
  }

  /** Tokens a second. */
  private interface Measurement {
    double run() throws IOException, InterruptedException;
  }

  /** Baton's, with what the machine reaches right before it. */
  private static Turn turn(BatonProcess baton, Measurement measurement) {
    return rounds -> {
      rounds.peaks().add(baton.peaks());
      rounds.baton().add(measurement.run());
    };
  }

  private static Turn turn(Peer peer, Measurement measurement) {
    return rounds -> rounds.ofPeer(peer.name()).add(measurement.run());
  }

  private static void take(List<Turn> turns, int first, Rounds rounds)
      throws IOException, InterruptedException {
    for (int i = 0; i < turns.size(); i++) {
      turns.get((first + i) % turns.size()).take(rounds);
    }
  }
}
