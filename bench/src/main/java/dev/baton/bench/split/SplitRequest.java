package dev.baton.bench.split;

/**
 * A request to measure.
 *
 * @param promptTokens length of the prompt, random tokens
 * @param outputTokens exact length of the answer
 * @param split as {@link dev.baton.Split#parse} reads it
 * @param seed of the prompt: the same one has the same tokens and so the same answer
 * @param timed whether its timeline is wanted
 */
record SplitRequest(int promptTokens, int outputTokens, String split, long seed, boolean timed) {
  /** Without its timeline. */
  SplitRequest(int promptTokens, int outputTokens, String split, long seed) {
    this(promptTokens, outputTokens, split, seed, false);
  }
}
