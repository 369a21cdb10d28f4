package dev.baton.cli;

import dev.baton.clusterfile.ClusterFile;
import dev.baton.device.ModelArchitecture;
import dev.baton.sim.Policy;
import dev.baton.sim.Simulation;
import dev.baton.sim.SimulationResult;
import dev.baton.sim.Trace;
import dev.baton.sim.TtftPlot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton simulate}: what a cluster would do under recorded load. */
@Command(
    name = "simulate",
    header = "Show what a cluster would do under recorded load, policy by policy.",
    description = {
      "%nNothing is run: the requests of a trace go through the planner and the cost model in"
          + " simulated time. Policies: baton (the planner), local (the least queued decode node),"
          + " remote (the best classic split), exo and dynamo (their fixed thresholds).",
      "Goodput counts requests within both limits. A request's prediction is off by chance, as much"
          + " as predictions usually are; the same input and seed give the same result. What is"
          + " modelled and what is not is told in engine/README.md.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton simulate --trace AzureLLMInferenceTrace_conv.csv --cluster cluster.toml --model"
          + " llama-3.1-8b-q4_k_m --speedup 0.1",
      "  baton simulate --trace conversation_trace.jsonl --cluster exo-10gbe --model"
          + " llama-3.1-8b-f16 --policy baton,exo --speedup 0.01 --plot ttft.svg"
    })
final class SimulateCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Option(
      names = "--trace",
      paramLabel = "FILE",
      required = true,
      description = "Azure's LLM inference traces (CSV) or Mooncake's (JSON a line).")
  private Path traceFile = Path.of("");

  @Mixin private ClusterOptions named = new ClusterOptions();

  @Option(
      names = "--policy",
      paramLabel = "NAME[,NAME...]",
      split = ",",
      defaultValue = "baton,local,remote,exo,dynamo",
      description = "Who decides (default: ${DEFAULT-VALUE}).")
  private List<String> policies = List.of();

  @Option(
      names = "--requests",
      paramLabel = "N",
      defaultValue = "10000",
      description = "The trace's first so many requests, or all (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int requests;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Of how far off each prediction is (default: ${DEFAULT-VALUE}).")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private long seed;

  @Option(
      names = "--speedup",
      paramLabel = "X",
      defaultValue = "1",
      description =
          "Requests come so much faster than recorded; below 1 slower (default: ${DEFAULT-VALUE}).")
  @Within(above = 0)
  private double speedup;

  @Option(
      names = "--ttft-limit",
      paramLabel = "MS",
      defaultValue = "5000",
      description = "Of the first token, in milliseconds (default: ${DEFAULT-VALUE}).")
  @Within(above = 0)
  private double ttftLimitMs;

  @Option(
      names = "--tpot-limit",
      paramLabel = "MS",
      defaultValue = "100",
      description = "From token to token, on average (default: ${DEFAULT-VALUE}).")
  @Within(above = 0)
  private double tpotLimitMs;

  @Option(
      names = "--plot",
      paramLabel = "FILE",
      description = "Draw the policies' times until the first token into an SVG; .html too.")
  private @Nullable Path plotFile;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  SimulateCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    List<Policy> chosen = policies.stream().map(Policy::of).distinct().toList();
    ClusterOptions.Named of = named.read();
    ModelArchitecture architecture = of.model();
    ClusterFile cluster = of.cluster();
    chosen.forEach(policy -> policy.requireFits(cluster.cluster()));
    long start = System.nanoTime();
    Trace trace = Trace.read(traceFile, requests);
    Simulation.Settings settings =
        new Simulation.Settings(ClusterOptions.LARGEST_CHUNK_TOKENS, speedup, seed);
    List<SimulationResult> results =
        chosen.parallelStream()
            .map(policy ->
                Simulation.run(
                    trace,
                    architecture.planned(),
                    cluster.cluster(),
                    cluster.roomBytes(),
                    policy,
                    settings))
            .toList();
    double wallSeconds = (System.nanoTime() - start) / 1e9;
    cluster.notes().forEach(note -> terminal.note(Failure.oneLine(note)));
    SimulationText.Limits limits = new SimulationText.Limits(ttftLimitMs / 1e3, tpotLimitMs / 1e3);
    if (json) {
      terminal.println(Json.line(SimulationText.json(results, limits, architecture.name(), seed)));
    } else {
      terminal.print(SimulationText.table(results, limits));
    }
    if (plotFile != null) {
      write(plotFile, results, architecture.name());
    }
    // Not part of the result, which is the same each time.
    terminal.note(
        String.format(
            Locale.ROOT,
            "%,d requests under %d %s in %.1f s",
            trace.requests().size(),
            chosen.size(),
            chosen.size() == 1 ? "policy" : "policies",
            wallSeconds));
    return BatonCli.DONE;
  }

  private void write(Path file, List<SimulationResult> results, String model) {
    int count = results.getFirst().served().size();
    String title = String.format(Locale.ROOT, "%s, %,d requests of a trace", model, count);
    String svg = TtftPlot.svg(title, results, ttftLimitMs / 1e3);
    String name = file.toString().toLowerCase(Locale.ROOT);
    try {
      Files.writeString(
          file, name.endsWith(".html") ? "<!doctype html><meta charset='utf-8'>" + svg : svg);
    } catch (IOException e) {
      throw new UserException("cannot write the plot " + file + ", " + Failure.reason(e), e);
    }
  }
}
