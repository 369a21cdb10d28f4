package dev.baton.plan;

/**
 * What a request asks for, as far as its time goes.
 *
 * @param promptTokens all of the prompt, at least 1
 * @param cachedTokens of these at the prompt's start, whose KV the decode node has already; fewer
 *     than promptTokens
 * @param outputTokens expected length of the answer, at least 1
 * @param lossyWire whether KV may travel as q8
 */
public record RequestShape(
    int promptTokens, int cachedTokens, int outputTokens, boolean lossyWire) {
  public RequestShape {
    if (promptTokens < 1 || outputTokens < 1 || cachedTokens < 0 || cachedTokens >= promptTokens) {
      throw new IllegalArgumentException(
          "a request has at least 1 prompt token that is not cached and 1 output token, got "
              + promptTokens
              + " with "
              + cachedTokens
              + " cached, and "
              + outputTokens);
    }
  }
}
