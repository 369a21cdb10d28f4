package dev.baton.cli;

import dev.baton.node.KvDemand;
import picocli.CommandLine.Option;

/** {@code --ctx-size}: shared by the commands that compute. */
public final class ContextOption {
  @Option(
      names = KvDemand.CONTEXT_OPTION,
      paramLabel = "N",
      defaultValue = "0",
      description =
          "The longest prompt and answer together, in tokens, at most the model's own context; 0:"
              + " that, or as much of it as memory has room for (default: ${DEFAULT-VALUE}).")
  @Within(least = 0)
  private int tokens;

  /** The context to serve; 0 to have it chosen. */
  public int tokens() {
    return tokens;
  }

  /** The KV that a process which computes alone is to have room for. */
  KvDemand demand() {
    return new KvDemand(tokens, 0, 1);
  }
}
