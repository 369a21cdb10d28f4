package dev.baton.bench.split;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.Generation;
import dev.baton.Report;
import dev.baton.Split;
import dev.baton.bench.process.ParentWatch;
import dev.baton.bench.report.WrongResult;
import dev.baton.bench.stream.PinnedNode;
import dev.baton.calibrate.Calibration;
import dev.baton.cli.ContextOption;
import dev.baton.plan.PlanDecision;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code split-pair}: the decode process of an {@link UnlikePair}, which starts the prefill node in
 * the network namespace it finds itself in. Prints its {@link Facts}, then for every line on stdin,
 * a {@link SplitRequest}, the {@link SplitRun}; the line {@value #END} ends it.
 */
@Command(name = "split-pair", hidden = true)
public final class PairCommand implements Callable<Integer> {
  static final String END = "end";

  /** Long: where others keep the machine busy, a silent peer is to be measured, not given up. */
  private static final Duration LEASE = Duration.ofSeconds(30);

  private static final int WARM_UP_TOKENS = 64;

  private final PrintStream out;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Mixin private ContextOption context = new ContextOption();

  @Option(names = "--pinned", description = "Keep the prefill node to a core of its own.")
  private boolean pinned;

  @Mixin private DevicesOptions devices = new DevicesOptions();

  public PairCommand(PrintStream out) {
    this.out = out;
  }

  /**
   * What a pair is.
   *
   * @param layers the model's
   * @param contextTokens prompt and answer together have no more
   * @param prefillNode what computes there
   * @param decodeNode what computes here
   * @param openSeconds until the model was loaded here and both nodes and their link measured
   */
  record Facts(
      int layers, int contextTokens, String prefillNode, String decodeNode, double openSeconds) {}

  @Override
  public Integer call() throws Exception {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    ParentWatch.hold(lines::add);
    JsonMapper json = JsonMapper.shared();
    // The node has all that the machine can, whatever this process is held to.
    try (PinnedNode node = PinnedNode.start(setup(), Map.of("BATON_CPU_ISA", ""))) {
      long startedNs = System.nanoTime();
      try (Baton baton = Baton.open(config(node, new Split.Remote()))) {
        baton.calibrate(Calibration.Effort.FULL, done -> {});
      }
      try (Baton baton = Baton.open(config(node, new Split.Auto()))) {
        if (!baton.awaitPlanner(LEASE)) {
          throw new WrongResult("what was measured just now is not planned with");
        }
        double openSeconds = (System.nanoTime() - startedNs) / 1e9;
        out.println(json.writeValueAsString(facts(baton, openSeconds)));
        for (String line = lines.take(); !line.equals(END); line = lines.take()) {
          SplitRun run = run(baton, json.readValue(line, SplitRequest.class));
          out.println(json.writeValueAsString(run));
        }
      }
    }
    return 0;
  }

  private PinnedNode.Setup setup() {
    return new PinnedNode.Setup(model, devices.prefill(), context.tokens(), LEASE, pinned);
  }

  private BatonConfig config(PinnedNode node, Split split) {
    return BatonConfig.builder(model)
        .prefill(node.endpoint())
        .split(split)
        .device(devices.decode())
        .threads(1)
        .lease(LEASE)
        .timeline(true)
        .contextTokens(context.tokens())
        .build();
  }

  /** Runs each kind of request once as well, so that the first one measured is not the first. */
  private static Facts facts(Baton baton, double openSeconds) throws InterruptedException {
    int layers = baton.compute().model().shape().layers();
    int context = baton.compute().contextTokens();
    int tokens = Math.min(WARM_UP_TOKENS, context / 2);
    String prefillNode = "";
    for (Split split : List.of(new Split.Local(), new Split.At(layers / 2), new Split.Remote())) {
      try (Generation answer = baton.generateExactly(prompt(baton, tokens, 0), 2, split)) {
        prefillNode = answer.report().route().prefillNode();
      }
    }
    return new Facts(layers, context, prefillNode, baton.compute().description(), openSeconds);
  }

  private static int[] prompt(Baton baton, int tokens, long seed) {
    int vocabulary = baton.compute().model().shape().vocab();
    return new SplittableRandom(seed).ints(tokens, 0, vocabulary).toArray();
  }

  private static SplitRun run(Baton baton, SplitRequest request) throws InterruptedException {
    int[] prompt = prompt(baton, request.promptTokens(), request.seed());
    Split split = Split.parse(request.split());
    long startedNs = System.nanoTime();
    try (Generation answer = baton.generateExactly(prompt, request.outputTokens(), split)) {
      while (answer.next() != null) {
        // Only the time counts, and the tokens.
      }
      double e2eMs = (System.nanoTime() - startedNs) / 1e6;
      Report report = answer.report();
      requireAsAsked(request, split, report);
      @Nullable PlanDecision decision = answer.decision().orElse(null);
      return new SplitRun(
          report.times().ttftNs() / 1e6,
          e2eMs,
          report.route().boundaryLayer(),
          report.fallback(),
          decision == null ? null : SplitRun.Planned.of(decision.chosen()),
          decision == null ? List.of() : SplitRun.Planned.alternatives(decision),
          Arrays.stream(answer.takenTokens()).boxed().toList(),
          new SplitRun.Course(
              report.times().prefillNs() / 1e6,
              report.transfer().hiddenShare(),
              report.transfer().kvBytes(),
              Arrays.stream(answer.takenTokensNs()).mapToObj(ns -> ns / 1e6).toList(),
              request.timed() ? answer.timeline() : null));
    }
  }

  private static void requireAsAsked(SplitRequest request, Split split, Report report) {
    if (report.tokens().outputTokens() != request.outputTokens()) {
      throw new WrongResult("a request ended as " + report.end() + " before its last token");
    }
    if (report.fallback() != null && !(split instanceof Split.Auto)) {
      throw new WrongResult("a split request was finished locally: " + report.fallback());
    }
  }
}
