package dev.baton.cli;

import dev.baton.plan.Objective;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --objective} and {@code --ttft-limit}: what a plan is to be best at. */
final class ObjectiveOption {
  @Option(
      names = "--objective",
      paramLabel = "ttft|e2e|energy|cost",
      defaultValue = "e2e",
      description =
          "What to be best at: the first token, the whole answer, and with a cluster file's watts"
              + " and prices joules or money (default: ${DEFAULT-VALUE}).")
  private String objective = "e2e";

  @Option(
      names = "--ttft-limit",
      paramLabel = "MS",
      description = "With e2e: only plans whose first token is there in so many milliseconds.")
  @Within(above = 0)
  private @Nullable Double ttftLimitMs;

  /** As it was given, in lower case. */
  String name() {
    return objective.toLowerCase(Locale.ROOT);
  }

  Objective objective() {
    if (ttftLimitMs != null) {
      if (!name().equals("e2e")) {
        throw new IllegalArgumentException(
            "--ttft-limit goes with --objective e2e, not with " + Failure.oneLine(name()));
      }
      return new Objective.E2eWithin(ttftLimitMs / 1e3);
    }
    return switch (name()) {
      case "ttft" -> new Objective.Ttft();
      case "e2e" -> new Objective.E2e();
      case "energy" -> new Objective.Energy();
      case "cost" -> new Objective.Cost();
      default ->
          throw new IllegalArgumentException(
              "--objective takes ttft, e2e, energy or cost, not '" + objective + "'");
    };
  }
}
