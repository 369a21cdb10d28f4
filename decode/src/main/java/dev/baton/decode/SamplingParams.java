package dev.baton.decode;

/**
 * How {@link Sampler} chooses the next token.
 *
 * @param temperature 0 for the most likely token always; else logits are divided by it, so more is
 *     wilder
 * @param topK only this many of the most likely tokens are considered; 0 for all
 * @param topP only the most likely tokens that together reach this probability are considered; 1
 *     for all
 * @param minP only tokens at least this many times as likely as the most likely one are considered;
 *     0 for all
 * @param repeatPenalty a recent token's logit is divided by this (multiplied where negative); 1 for
 *     none
 * @param repeatLastN how many tokens count as recent for the three penalties, prompt included; 0
 *     for none
 * @param presencePenalty subtracted from a recent token's logit
 * @param frequencyPenalty subtracted from a recent token's logit for each time it occurs
 * @param seed the same seed, model and prompt give the same text
 */
public record SamplingParams(
    float temperature,
    int topK,
    float topP,
    float minP,
    float repeatPenalty,
    int repeatLastN,
    float presencePenalty,
    float frequencyPenalty,
    long seed) {
  /**
   * More recent tokens than any model has context; a bound on what a request may make a node
   * allocate.
   */
  public static final int MAX_REPEAT_LAST_N = 1 << 20;

  /**
   * @throws IllegalArgumentException naming the value that is out of range, and the range
   */
  public SamplingParams {
    require(
        temperature >= 0 && temperature < Float.POSITIVE_INFINITY,
        "temperature",
        "0 or more",
        temperature);
    require(topK >= 0, "top-k", "0 (off) or more", topK);
    require(topP > 0 && topP <= 1, "top-p", "above 0 and at most 1 (off)", topP);
    require(minP >= 0 && minP <= 1, "min-p", "from 0 (off) to 1", minP);
    require(
        repeatPenalty > 0 && repeatPenalty < Float.POSITIVE_INFINITY,
        "repeat penalty",
        "above 0 (1 is off)",
        repeatPenalty);
    require(
        repeatLastN >= 0 && repeatLastN <= MAX_REPEAT_LAST_N,
        "repeat-last-n",
        "from 0 (off) to " + MAX_REPEAT_LAST_N,
        repeatLastN);
    require(
        Float.isFinite(presencePenalty), "presence penalty", "a finite number", presencePenalty);
    require(
        Float.isFinite(frequencyPenalty), "frequency penalty", "a finite number", frequencyPenalty);
  }

  /** Always the most likely token. */
  public static SamplingParams greedy() {
    return new SamplingParams(0f, 0, 1f, 0f, 1f, 64, 0f, 0f, 0);
  }

  /**
   * What llama.cpp does when not told otherwise: temperature 0.8, top-k 40, top-p 0.95, min-p 0.05,
   * no penalties.
   */
  public static SamplingParams usual(long seed) {
    return new SamplingParams(0.8f, 40, 0.95f, 0.05f, 1f, 64, 0f, 0f, seed);
  }

  /** Whether recent tokens change the logits. */
  boolean penalises() {
    return repeatLastN > 0 && (repeatPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0);
  }

  /** Whether some tokens are left out before the draw. */
  boolean truncates() {
    return topK > 0 || topP < 1 || minP > 0;
  }

  private static void require(boolean holds, String name, String range, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(name + " must be " + range + ", not " + value);
    }
  }
}
