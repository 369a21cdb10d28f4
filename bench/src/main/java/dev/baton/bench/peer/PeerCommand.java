package dev.baton.bench.peer;

import dev.baton.bench.peer.PeerRounds.Rounds;
import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.ReportTable;
import dev.baton.bench.report.WrongResult;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench peer}: Baton beside a llama-bench, in turns, on one model. */
@Command(
    name = "peer",
    header = "Measure Baton beside a llama-bench, and as shares of what this machine can do.",
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer =
        "  baton bench peer --llama-bench ./llama-bench --model tinyllama.gguf --depth 128,4096")
public final class PeerCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int FAILED = 1;
  private static final int MOST = 1 << 20;

  private final PrintStream out;
  private final Progress progress;

  @Option(
      names = "--llama-bench",
      required = true,
      paramLabel = "PATH",
      description = "The program of llama.cpp or of a fork.")
  private Path program = Path.of("");

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
  private int[] threads = {};

  @Option(
      names = "--prompt",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description = "The prompt to prefill (default: ${DEFAULT-VALUE}).")
  private int prompt;

  @Option(
      names = "--output",
      paramLabel = "TOKENS",
      defaultValue = "64",
      description = "The answer to decode (default: ${DEFAULT-VALUE}).")
  private int output;

  @Option(
      names = "--depth",
      split = ",",
      paramLabel = "TOKENS",
      defaultValue = "128",
      description = "What stands before the answer (default: ${DEFAULT-VALUE}).")
  private int[] depths = {};

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "8",
      description =
          "Also decode this many sequences together, at the first depth, Baton alone; 1 for not"
              + " (default: ${DEFAULT-VALUE}).")
  private int sequences;

  @Option(
      names = "--chunk",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description =
          "Baton's prefill chunk; llama-bench's ubatch is 512 too (default: ${DEFAULT-VALUE}).")
  private int chunk;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "5",
      description = "Rounds (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--llama-bench-options",
      split = " ",
      paramLabel = "WORDS",
      description = "More for llama-bench, such as '-fa 1'.")
  private List<String> more = List.of();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  public PeerCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    requireSound();
    PartReport report;
    try {
      LlamaBench peer = new LlamaBench(program, model, more);
      List<Figure> figures = new ArrayList<>();
      for (int count : threads) {
        figures.addAll(measure(peer, count));
      }
      report = PartReport.measured(model.getFileName().toString(), figures, List.of(note()));
    } catch (WrongResult e) {
      report = PartReport.wrong(model.getFileName().toString(), e.reason());
    }
    progress.clear();
    out.println(json ? JsonMapper.shared().writeValueAsString(report) : ReportTable.of(report));
    return report.wrong() == null ? DONE : FAILED;
  }

  private String note() {
    return "Baton in chunks of " + chunk + "; shares are of the peak measured right before";
  }

  private void requireSound() {
    for (Path file : List.of(program, model)) {
      if (!Files.isRegularFile(file)) {
        throw new IllegalArgumentException(file + " is no file");
      }
    }
    within("--threads", 1024, threads);
    within("--prompt", MOST, prompt);
    within("--output", MOST, output);
    within("--batch", 256, sequences);
    within("--chunk", MOST, chunk);
    within("--repeat", 1000, rounds);
    within("--depth", MOST, Arrays.stream(depths).map(depth -> depth + 1).toArray());
  }

  private static void within(String option, int most, int... values) {
    for (int value : values) {
      if (value < 1 || value > most) {
        throw new IllegalArgumentException(option + " is out of its range of " + most);
      }
    }
  }

  /** All rounds of one number of threads; who goes first changes from round to round. */
  private List<Figure> measure(LlamaBench peer, int count)
      throws IOException, InterruptedException {
    int context = Math.max(prompt, Arrays.stream(depths).max().orElse(0) + output);
    try (BatonProcess baton = new BatonProcess(model, count, chunk, context, sequences)) {
      PeerRounds result = new PeerRounds(count, baton.work());
      Rounds prefill = new Rounds();
      List<Rounds> decode = Arrays.stream(depths).mapToObj(_ -> new Rounds()).toList();
      List<Double> batch = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        progress.show(count + " threads, round " + (round + 1) + " of " + rounds);
        boolean first = round % 2 == 0;
        both(first, baton, prefill, () -> baton.prefill(prompt), () -> peer.prefill(count, prompt));
        for (int i = 0; i < depths.length; i++) {
          int depth = depths[i];
          if (i == 0 && sequences > 1) {
            batch.add(baton.decode(depth, output, sequences));
          }
          both(
              first,
              baton,
              decode.get(i),
              () -> baton.decode(depth, output, 1),
              () -> peer.decode(count, depth, output));
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

  /** One measurement, tokens a second. */
  private interface Measurement {
    double run() throws IOException, InterruptedException;
  }

  private static void both(
      boolean batonFirst, BatonProcess process, Rounds rounds, Measurement baton, Measurement peer)
      throws IOException, InterruptedException {
    if (!batonFirst) {
      rounds.peer().add(peer.run());
    }
    rounds.peaks().add(process.peaks());
    rounds.baton().add(baton.run());
    if (batonFirst) {
      rounds.peer().add(peer.run());
    }
  }
}
