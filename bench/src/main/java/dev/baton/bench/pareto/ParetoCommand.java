package dev.baton.bench.pareto;

import dev.baton.bench.energy.EnergyMeter;
import dev.baton.bench.model.HeldOutText;
import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Provenance;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cli.Within;
import dev.baton.kernel.KernelsConfig;
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
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench pareto}: models' quality beside what they take. */
@Command(
    name = "pareto",
    header = "Compare models: how well they predict a text beside speed, memory, energy and price.",
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer = "  baton bench pareto --models baton-tiny,smollm2-135m --budget-usd 1 --watts 65")
public final class ParetoCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int MOST_BYTES = 1 << 20;
  private static final double ASSUMED_WATTS = 65;
  private static final double ASSUMED_DEVICE_USD = 800;

  private final PrintStream out;
  private final Progress progress;

  @Option(
      names = "--models",
      split = ",",
      required = true,
      paramLabel = "NAME|GGUF",
      description = "The models.")
  private List<String> models = List.of();

  @Option(
      names = "--budget-usd",
      required = true,
      paramLabel = "USD",
      description = "How many answers so much money buys.")
  @Within(above = 0)
  private double budgetUsd;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "The UTF-8 text that they are to predict (default: " + HeldOutText.NAME + ").")
  private @Nullable Path text;

  @Option(
      names = "--prompt",
      paramLabel = "BYTES",
      defaultValue = "2000",
      description = "Of text before an answer (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = MOST_BYTES)
  private int promptBytes;

  @Option(
      names = "--output",
      paramLabel = "BYTES",
      defaultValue = "500",
      description = "Of text in an answer (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = MOST_BYTES)
  private int outputBytes;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute (default: one a processor).")
  @Within(least = 1, most = KernelsConfig.MAX_THREADS)
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--watts",
      paramLabel = "W",
      description =
          "What this machine draws while it computes; taken where it has no counter that can be"
              + " read.")
  @Within(above = 0)
  private @Nullable Double watts;

  @Option(names = "--device-usd", paramLabel = "USD", description = "What this machine costs.")
  @Within(least = 0)
  private @Nullable Double deviceUsd;

  @Option(
      names = "--usd-per-kwh",
      paramLabel = "USD",
      defaultValue = "0.15",
      description = "What electricity costs (default: ${DEFAULT-VALUE}).")
  @Within(least = 0)
  private double usdPerKwh;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "3",
      description = "Rounds (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1000)
  private int rounds;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  public ParetoCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Map<String, Path> files = requireSound();
    Provenance provenance = Provenance.now(words(), null);
    ParetoReport report;
    try {
      report = measure(files);
    } finally {
      progress.clear();
    }
    out.print(json ? report.result(provenance).json() : report.table());
    return DONE;
  }

  private List<String> words() {
    return List.copyOf(spec.commandLine().getParseResult().originalArgs());
  }

  private Map<String, Path> requireSound() {
    ModelCatalog catalog = ModelCatalog.of(System.getenv());
    Map<String, Path> files = new LinkedHashMap<>();
    models.forEach(model -> files.put(model, catalog.resolve(model)));
    if (files.size() < models.size()) {
      throw new IllegalArgumentException("--models names one twice");
    }
    if (text != null && !Files.isReadable(text)) {
      throw new IllegalArgumentException("--text " + text + " cannot be read");
    }
    return files;
  }

  private ParetoReport measure(Map<String, Path> files) throws IOException, InterruptedException {
    Map<String, Trials> trials = new LinkedHashMap<>();
    for (Map.Entry<String, Path> model : files.entrySet()) {
      progress.show(model.getKey() + ": predicting the text");
      trials.put(
          model.getKey(), new Trials(model.getKey(), model.getValue(), score(model.getValue())));
    }
    Optional<EnergyMeter> meter = EnergyMeter.ofPackages(EnergyMeter.POWERCAP);
    for (int round = 0; round < rounds; round++) {
      for (Trials one : trials.values()) {
        progress.show(one.model() + ": round " + (round + 1) + " of " + rounds);
        one.run(setting(), meter.orElse(null));
      }
    }
    Cost cost = new Cost(deviceUsd == null ? ASSUMED_DEVICE_USD : deviceUsd, usdPerKwh);
    List<Candidate> candidates = new ArrayList<>();
    for (Trials one : trials.values()) {
      candidates.add(one.candidate(setting(), cost));
    }
    return new ParetoReport(candidates, budgetUsd, notes(cost, meter.isPresent()));
  }

  private Trials.Setting setting() {
    return new Trials.Setting(
        promptBytes, outputBytes, threads, watts == null ? ASSUMED_WATTS : watts);
  }

  private TextScore score(Path model) throws InterruptedException {
    List<String> words =
        new ArrayList<>(List.of("pareto-score", "--model=" + model, "--threads=" + threads));
    if (text != null) {
      words.add("--text=" + text);
    }
    return JsonMapper.shared().readValue(ChildJvm.runBench(List.of(), words), TextScore.class);
  }

  private List<String> notes(Cost cost, boolean metered) {
    return List.of(
        "* on the Pareto front: no other is as good in bits/byte, time, memory, energy and price,"
            + " and better in one",
        "bits/byte: of "
            + (text == null ? HeldOutText.NAME : text.getFileName())
            + ", every byte, in the same segments for all: compares across tokenizers; perplexity,"
            + " per token, does not",
        "an answer: "
            + outputBytes
            + " bytes of such a text behind "
            + promptBytes
            + ", in each model's own tokens, on "
            + threads
            + " threads",
        "memory: weights + the answer's KV; resident: the whole process at most",
        metered
            ? "energy: measured (RAPL, whole packages, other processes included)"
            : "energy: STATED, not measured: time x "
                + (watts == null ? ASSUMED_WATTS + " W (assumed; --watts)" : watts + " W"),
        "price of an answer: time / 3 years x $"
            + cost.deviceUsd()
            + (deviceUsd == null ? " (assumed; --device-usd)" : "")
            + " + energy x $"
            + cost.usdPerKwh()
            + "/kWh",
        "intelligence per joule: (8 - bits/byte) x "
            + outputBytes
            + " bytes / energy, the bits that knowing the text saves");
  }
}
