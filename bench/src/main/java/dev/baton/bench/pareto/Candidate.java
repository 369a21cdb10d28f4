package dev.baton.bench.pareto;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.baton.bench.report.Spread;
import java.util.List;

/**
 * A model, measured: an answer is so many bytes of text behind so many bytes of prompt, the same
 * for all models, in as many tokens as they are for this one. As JSON it is flat.
 *
 * @param model as the user named it
 * @param quality how well it predicts the text
 * @param answer what an answer takes
 * @param memory that it needs
 * @param price of an answer
 */
record Candidate(
    String model,
    @JsonUnwrapped Quality quality,
    @JsonUnwrapped Answer answer,
    @JsonUnwrapped Memory memory,
    @JsonUnwrapped Price price) {
  /**
   * How well it predicts the text.
   *
   * @param bitsPerByte of the text
   * @param perplexity per token of its own
   */
  record Quality(double bitsPerByte, double perplexity) {}

  /**
   * What an answer takes.
   *
   * @param promptTokens of the prompt
   * @param outputTokens of the answer
   * @param prefill tokens a second
   * @param decode tokens a second
   * @param answerSeconds from the prompt to the answer's end
   */
  record Answer(
      int promptTokens, int outputTokens, Spread prefill, Spread decode, Spread answerSeconds) {}

  /**
   * What it needs of the machine's memory.
   *
   * @param memoryBytes of weights and the answer's KV
   * @param residentBytes of the process at most, or 0 where the system does not tell
   */
  record Memory(long memoryBytes, long residentBytes) {}

  /**
   * What an answer costs.
   *
   * @param joules of an answer
   * @param usd of an answer
   * @param savedBitsPerJoule bits of the answer that its predictions save against its bytes, for
   *     each joule
   */
  record Price(Spread joules, double usd, double savedBitsPerJoule) {}

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
    return new double[] {
      quality.bitsPerByte,
      answer.answerSeconds.median(),
      memory.memoryBytes,
      price.joules.median(),
      price.usd
    };
  }

  /** Whether none of {@code all} beats it. */
  boolean isOnFront(List<Candidate> all) {
    return all.stream().noneMatch(this::isBeatenBy);
  }
}
