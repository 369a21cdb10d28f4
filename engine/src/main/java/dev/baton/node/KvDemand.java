package dev.baton.node;

import dev.baton.arch.ModelShape;

/**
 * How much KV a node is asked to have room for.
 *
 * @param contextTokens the longest prompt and answer that it serves; 0 for the model's own context,
 *     or as much of it as memory has room for
 * @param cacheTokens size of the whole cache; 0 for several contexts, as far as memory goes
 * @param processes that load this model on this machine and share its memory
 */
public record KvDemand(int contextTokens, int cacheTokens, int processes) {
  /** The usual sizes, alone on the machine. */
  public static final KvDemand USUAL = new KvDemand(0, 0, 1);

  /** The option that says {@code contextTokens}, for messages. */
  public static final String CONTEXT_OPTION = "--ctx-size";

  /** What sets the tokens of all prompts at a node. */
  public static final String ROOM_OPTION = "--kv-tokens";

  /**
   * @throws IllegalArgumentException naming the size that cannot be
   */
  public KvDemand {
    if (contextTokens < 0) {
      throw new IllegalArgumentException(
          CONTEXT_OPTION + " is 1 or more (0 for the model's own context), got " + contextTokens);
    }
    if (cacheTokens < 0) {
      throw new IllegalArgumentException(
          "a KV cache holds 1 token or more (0 for the usual size), got " + cacheTokens);
    }
    if (processes < 1) {
      throw new IllegalArgumentException("at least one process has the model, not " + processes);
    }
  }

  /**
   * Refuses a context that the model was not made for.
   *
   * @throws IllegalArgumentException saying how long its own is
   */
  void check(ModelShape model) {
    if (contextTokens > model.context()) {
      throw new IllegalArgumentException(
          CONTEXT_OPTION
              + " "
              + contextTokens
              + " is more than the model's context of "
              + model.context()
              + "; give no more than that");
    }
  }
}
