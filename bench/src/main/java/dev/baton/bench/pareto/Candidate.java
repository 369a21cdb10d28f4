package dev.baton.bench.pareto;

import dev.baton.bench.report.Spread;
import java.util.List;

/**
 * A model, measured: an answer is so many bytes of text behind so many bytes of prompt, the same
 * for all models, in as many tokens as they are for this one.
 *
 * @param model as the user named it
 * @param bitsPerByte of the text
 * @param perplexity per token of its own
 * @param promptTokens of the prompt
 * @param outputTokens of the answer
 * @param prefill tokens a second
 * @param decode tokens a second
 * @param answerSeconds from the prompt to the answer's end
 * @param memoryBytes of weights and the answer's KV
 * @param residentBytes of the process at most, or 0 where the system does not tell
 * @param joules of an answer
 * @param usd of an answer
 * @param savedBitsPerJoule bits of the answer that its predictions save against its bytes, for each
 *     joule
 */
record Candidate(
    String model,
    double bitsPerByte,
    double perplexity,
    int promptTokens,
    int outputTokens,
    Spread prefill,
    Spread decode,
    Spread answerSeconds,
    long memoryBytes,
    long residentBytes,
    Spread joules,
    double usd,
    double savedBitsPerJoule) {
  /** Whether another one is as good in all that counts and better in something. */
  boolean isBeatenBy(Candidate other) {
    double[] mine = costs();
    double[] others = other.costs();
    boolean better = false;
    for (int i = 0; i < mine.length; i++) {
      if (others[i] > mine[i]) {
        return false;
      }
      better |= others[i] < mine[i];
    }
    return better;
  }

  /** What is to be little, by the medians. */
  private double[] costs() {
    return new double[] {bitsPerByte, answerSeconds.median(), memoryBytes, joules.median(), usd};
  }

  /** Whether none of {@code all} beats it. */
  boolean isOnFront(List<Candidate> all) {
    return all.stream().noneMatch(this::isBeatenBy);
  }
}
