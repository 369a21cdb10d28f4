package dev.baton.cli;

import dev.baton.clusterfile.ClusterFile;
import dev.baton.plan.Objective;
import dev.baton.plan.PlanChange;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton plan}: where a request would be computed, and why. */
@Command(
    name = "plan",
    header = "Show where a cluster would compute a request, and why.",
    description = {
      "%nNothing is run: speeds are those of the cluster file, or of the catalog of devices.",
      "E2E and the columns after it tell of the whole answer: 'prefill' at the other node, 'link'"
          + " and 'here' (prefilling at the node that decodes) as far as nothing else goes on"
          + " meanwhile.",
      "The cluster file is told of in the README and in engine/README.md; exo-1gbe, exo-2.5gbe and"
          + " exo-10gbe are built in.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton plan --cluster exo-10gbe --model llama-3.1-8b-f16 --prompt-tokens 8192"
          + " --output-tokens 32",
      "  baton plan --cluster cluster.toml --model qwen3-8b-q4_k_m --prompt-tokens 2000 --objective"
          + " energy"
    })
final class PlanCommand implements Callable<Integer> {
  /** The longest prompt for which a change of plan is looked for. */
  private static final int LONGEST_PROMPT_TOKENS = 131_072;

  private final Terminal terminal;

  @Mixin private ClusterOptions named = new ClusterOptions();

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      required = true,
      description = "Tokens of the prompt, up to " + LONGEST_PROMPT_TOKENS + ".")
  @Within(least = 1, most = LONGEST_PROMPT_TOKENS)
  private int promptTokens;

  @Option(
      names = "--output-tokens",
      paramLabel = "N",
      defaultValue = "128",
      description = "Tokens of the answer (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int outputTokens;

  @Option(
      names = "--cached-tokens",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Of the prompt's first tokens, how many have their KV at the decode node already"
              + " (default: ${DEFAULT-VALUE}).")
  @Within(least = 0)
  private int cachedTokens;

  @Mixin private ObjectiveOption objective = new ObjectiveOption();

  @Option(names = "--lossy", description = "KV may travel as q8, which is lossy.")
  private boolean lossy;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  PlanCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    if (cachedTokens >= promptTokens) {
      throw new IllegalArgumentException(
          "--cached-tokens is less than --prompt-tokens, not "
              + cachedTokens
              + " of "
              + promptTokens);
    }
    RequestShape shape = shape(promptTokens);
    Objective best = objective.objective();
    ClusterOptions.Named of = named.read();
    PlannedModel model = of.model().planned();
    ClusterFile cluster = of.cluster();
    SplitPlanner planner = new SplitPlanner(ClusterOptions.LARGEST_CHUNK_TOKENS);
    PlanDecision decision = planner.plan(model, shape, cluster.cluster(), best);
    IntFunction<SplitPlan> choice =
        tokens -> planner.plan(model, shape(tokens), cluster.cluster(), best).chosen();
    int layers = model.layers();
    PlanChange below = PlanChange.below(choice, promptTokens, cachedTokens + 1).orElse(null);
    PlanChange above = PlanChange.above(choice, promptTokens, LONGEST_PROMPT_TOKENS).orElse(null);
    if (json) {
      terminal.println(
          Json.line(
              new PlanJson(
                  model.name(),
                  shape,
                  objective.name(),
                  PlanJson.Plan.of(decision.chosen(), layers),
                  decision.reason(),
                  PlanJson.alternatives(decision, layers),
                  PlanJson.Change.of(below, layers),
                  PlanJson.Change.of(above, layers),
                  cluster.notes())));
      return BatonCli.DONE;
    }
    cluster.notes().forEach(note -> terminal.note(Failure.oneLine(note)));
    terminal.print(PlanText.table(decision, layers, terminal.ansi()));
    terminal.println("");
    terminal.println(Failure.oneLine(decision.reason()));
    terminal.println(changes(below, above, layers));
    return BatonCli.DONE;
  }

  private RequestShape shape(int tokens) {
    return new RequestShape(tokens, cachedTokens, outputTokens, lossy);
  }

  private static String changes(
      @Nullable PlanChange below, @Nullable PlanChange above, int layers) {
    if (below == null && above == null) {
      return "The same nodes would compute a prompt of any length.";
    }
    String shorter =
        below == null
            ? "no shorter prompt would change the nodes"
            : "a prompt of "
                + below.promptTokens()
                + " tokens would go to: "
                + PlanText.name(below.plan(), layers);
    String longer =
        above == null
            ? "no longer one would"
            : "one of " + above.promptTokens() + " to: " + PlanText.name(above.plan(), layers);
    return Character.toUpperCase(shorter.charAt(0)) + shorter.substring(1) + "; " + longer + ".";
  }
}
