package dev.baton.sim;

import java.util.List;

/**
 * One request of a {@link Trace}.
 *
 * @param arrivalSeconds after the trace's first request
 * @param promptTokens of it, at least 1
 * @param outputTokens of its answer, at least 1
 * @param blocks ids of the prompt's blocks of {@link Trace#BLOCK_TOKENS} tokens, the last perhaps
 *     shorter; the same id stands for the same prompt up to there. Empty where the trace does not
 *     tell
 */
public record TraceRequest(
    double arrivalSeconds, int promptTokens, int outputTokens, List<Integer> blocks) {
  public TraceRequest {
    blocks = List.copyOf(blocks);
    if (!(arrivalSeconds >= 0)) {
      throw new IllegalArgumentException("a request comes at 0 or later, got " + arrivalSeconds);
    }
    if (promptTokens < 1 || outputTokens < 1) {
      throw new IllegalArgumentException(
          "a request has at least 1 token in and 1 out, got "
              + promptTokens
              + " and "
              + outputTokens);
    }
    long most = (long) blocks.size() * Trace.BLOCK_TOKENS;
    if (!blocks.isEmpty() && (promptTokens > most || promptTokens <= most - Trace.BLOCK_TOKENS)) {
      throw new IllegalArgumentException(
          blocks.size()
              + " blocks of "
              + Trace.BLOCK_TOKENS
              + " tokens cannot be a prompt of "
              + promptTokens);
    }
  }
}
