package dev.baton.bench.split;

import dev.baton.bench.report.Progress;
import dev.baton.bench.report.WrongResult;
import dev.baton.bench.stream.ShapedLink;
import dev.baton.catalog.CatalogException;
import dev.baton.cli.ContextOption;
import dev.baton.cli.Within;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench accuracy}: what was predicted of random requests beside what they took. */
@Command(
    name = "accuracy",
    header = "Measure how true the cost model's predictions are, with random requests.",
    sortOptions = false,
    description = {
      "%nTwo unlike nodes with a core each (a prefill node with the machine's best instructions, a"
          + " decode process held to AVX2 where they are wider) and a shaped link between them are"
          + " measured once; then random requests run, each cut locally, remotely, at a random"
          + " layer or as the planner chooses, and what was predicted stands beside what they took."
          + " Some that are run twice in a row at the end tell what the machine itself leaves"
          + " unsure.%n"
    },
    footerHeading = "%nExample:%n",
    footer = {"  baton bench accuracy --model smollm2-135m --requests 60"})
public final class AccuracyCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int FAILED = 1;
  private static final int LEAST_PROMPT = 16;

  /** Here, there, and at a random layer. */
  private static final int FIXED_SPLITS = 3;

  /** Requests that are run twice in a row at the end. */
  private static final int PAIRS = 8;

  private final PrintStream out;
  private final Progress progress;

  @Mixin private ModelChoice model = new ModelChoice("smollm2-135m");

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--rate",
      paramLabel = "MBIT",
      defaultValue = "1000",
      description = "The link, in Mbit/s (default: ${DEFAULT-VALUE}).")
  @Within(least = 10, most = 100_000)
  private int megabitsPerSecond;

  @Option(
      names = "--requests",
      paramLabel = "N",
      defaultValue = "60",
      description = "How many (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 10_000)
  private int requests;

  @Option(
      names = "--longest-prompt",
      paramLabel = "TOKENS",
      defaultValue = "4000",
      description =
          "Prompts have 16 to so many tokens, each length as likely (default: ${DEFAULT-VALUE}).")
  @Within(least = LEAST_PROMPT)
  private int longestPrompt;

  @Option(
      names = "--longest-output",
      paramLabel = "TOKENS",
      defaultValue = "256",
      description = "Answers have 1 to so many tokens (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int longestOutput;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Of all that is random (default: ${DEFAULT-VALUE}).")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private long seed;

  @Option(names = "--json", description = "Print one JSON object, with every run.")
  private boolean json;

  public AccuracyCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    String missing = UnlikePair.whyMissing();
    if (missing != null) {
      return refuse("unavailable", "not measured: " + missing);
    }
    Path file;
    try {
      file = model.file();
    } catch (CatalogException e) {
      return refuse("unavailable", "not measured: " + e.getMessage());
    }
    try {
      measure(file);
    } catch (WrongResult e) {
      progress.clear();
      return refuse("wrong", "WRONG: " + e.reason());
    }
    return DONE;
  }

  private void measure(Path file) throws IOException, InterruptedException {
    progress.show("both nodes and their link");
    ShapedLink link = ShapedLink.at(megabitsPerSecond * 1_000_000L);
    try (UnlikePair pair = new UnlikePair(file, PairKind.here(), context.tokens(), link.prefix())) {
      SplittableRandom random = new SplittableRandom(seed);
      List<PredictedRun> runs = new ArrayList<>();
      for (int i = 0; i < requests; i++) {
        progress.show("request " + (i + 1) + " of " + requests);
        SplitRequest request = request(pair.facts(), random, FIXED_SPLITS + 1);
        PredictedRun run = PredictedRun.of(request, pair.run(request).withoutTokens());
        progress.clear();
        runs.add(run);
        if (!json) {
          out.println(run.line(pair.facts().layers()));
        }
      }
      double noisePercent = noisePercent(pair, random);
      progress.clear();
      if (json) {
        out.println(
            JsonMapper.shared()
                .writeValueAsString(
                    Map.of(
                        "nodes",
                        pair.facts(),
                        "profile",
                        pair.profile(),
                        "megabitsPerSecond",
                        megabitsPerSecond,
                        "seed",
                        seed,
                        "ttftPercent",
                        PredictedRun.meanErrorPercent(runs, PredictedRun::ttftError),
                        "e2ePercent",
                        PredictedRun.meanErrorPercent(runs, PredictedRun::e2eError),
                        "noisePercent",
                        noisePercent,
                        "runs",
                        runs)));
      } else {
        out.print(PredictedRun.summary(runs));
        out.printf(
            Locale.ROOT,
            "noise: the same request, run again at once, takes %.1f %% more or less (E2E, %d"
                + " pairs)%n",
            noisePercent,
            PAIRS);
      }
    }
  }

  /** How far a request's second run is off its first, in the mean: no prediction can do better. */
  private double noisePercent(UnlikePair pair, SplittableRandom random)
      throws InterruptedException {
    double sum = 0;
    for (int i = 0; i < PAIRS; i++) {
      progress.show("noise, " + (i + 1) + " of " + PAIRS);
      SplitRequest request = request(pair.facts(), random, FIXED_SPLITS);
      double first = pair.run(request).e2eMs();
      sum += Math.abs(pair.run(request).e2eMs() / first - 1);
    }
    return 100 * sum / PAIRS;
  }

  /**
   * A random request.
   *
   * @param kinds {@value #FIXED_SPLITS}, or one more for what the planner chooses too
   */
  private SplitRequest request(PairCommand.Facts facts, SplittableRandom random, int kinds) {
    int output = 1 + random.nextInt(Math.min(longestOutput, facts.contextTokens() / 4));
    int longest = Math.min(longestPrompt, facts.contextTokens() - output);
    int prompt = LEAST_PROMPT + random.nextInt(Math.max(1, longest - LEAST_PROMPT + 1));
    int layer = 1 + random.nextInt(Math.max(1, facts.layers() - 1));
    String split =
        switch (random.nextInt(kinds)) {
          case 0 -> ShapeRegret.LOCAL;
          case 1 -> ShapeRegret.REMOTE;
          case 2 -> Integer.toString(layer);
          default -> ShapeRegret.AUTO;
        };
    return new SplitRequest(prompt, output, split, random.nextLong());
  }

  private int refuse(String kind, String why) {
    out.println(json ? JsonMapper.shared().writeValueAsString(Map.of(kind, why)) : why);
    return FAILED;
  }
}
