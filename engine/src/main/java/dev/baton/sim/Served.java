package dev.baton.sim;

/**
 * What became of one request. Seconds from its arrival.
 *
 * @param ttftSeconds until its first token
 * @param e2eSeconds until its last
 * @param promptTokens of it
 * @param cachedTokens of these, that were not computed again
 * @param outputTokens of its answer
 * @param where it was computed
 */
public record Served(
    double ttftSeconds,
    double e2eSeconds,
    int promptTokens,
    int cachedTokens,
    int outputTokens,
    Where where) {
  /** How a request was spread over nodes. */
  public enum Where {
    /** One node did it all. */
    ALONE,
    /** Another node did the whole prompt. */
    CLASSIC,
    /** Two nodes shared the prompt at a layer inside the model. */
    INSIDE
  }

  public Served {
    if (!(ttftSeconds >= 0 && e2eSeconds >= ttftSeconds)) {
      throw new IllegalArgumentException(
          "a first token comes after its request and before the last, got "
              + ttftSeconds
              + " s and "
              + e2eSeconds
              + " s");
    }
  }

  /** Seconds from token to token after the first; 0 for an answer of one token. */
  public double tpotSeconds() {
    return outputTokens == 1 ? 0 : (e2eSeconds - ttftSeconds) / (outputTokens - 1);
  }
}
