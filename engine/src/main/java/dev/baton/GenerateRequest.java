package dev.baton;

import dev.baton.decode.SamplingParams;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What to answer, and how.
 *
 * @param prompt the user's text
 * @param system a system message for models with a chat template, or null
 * @param raw send the prompt as it is, without the model's chat template and a system message
 * @param maxTokens most tokens to answer with; the context may end the answer before
 * @param sampling how to choose tokens
 * @param stop texts that end the answer; they are not part of it
 * @param split where to cut this request, or null for the engine's choice
 * @param caller a name for who asks, or null: how long answers are is learnt for each caller, since
 *     the planner has to expect a length
 * @param special whether names of control tokens in the prompt become those tokens, and those of
 *     the answer are shown; never for a prompt of somebody who is not to steer the model
 */
public record GenerateRequest(
    String prompt,
    @Nullable String system,
    boolean raw,
    int maxTokens,
    SamplingParams sampling,
    List<String> stop,
    @Nullable Split split,
    @Nullable String caller,
    boolean special) {
  public GenerateRequest {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(sampling, "sampling");
    stop = List.copyOf(stop);
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "the answer must be allowed at least one token, got " + maxTokens);
    }
    if (raw && system != null) {
      throw new IllegalArgumentException(
          "a raw prompt has no place for a system message; leave one of the two out");
    }
    for (String text : stop) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("a stop text must not be empty");
      }
    }
  }

  /** A request in which control tokens are not named. */
  public GenerateRequest(
      String prompt,
      @Nullable String system,
      boolean raw,
      int maxTokens,
      SamplingParams sampling,
      List<String> stop,
      @Nullable Split split,
      @Nullable String caller) {
    this(prompt, system, raw, maxTokens, sampling, stop, split, caller, false);
  }

  /** Greedy, through the chat template where the model has one, at most 128 tokens. */
  public static GenerateRequest of(String prompt) {
    return new GenerateRequest(
        prompt, null, false, 128, SamplingParams.greedy(), List.of(), null, null);
  }

  public GenerateRequest withMaxTokens(int tokens) {
    return new GenerateRequest(prompt, system, raw, tokens, sampling, stop, split, caller, special);
  }

  public GenerateRequest withSampling(SamplingParams params) {
    return new GenerateRequest(
        prompt, system, raw, maxTokens, params, stop, split, caller, special);
  }

  public GenerateRequest withSplit(Split where) {
    return new GenerateRequest(
        prompt, system, raw, maxTokens, sampling, stop, where, caller, special);
  }

  public GenerateRequest withSystem(@Nullable String text) {
    return new GenerateRequest(
        prompt, text, raw, maxTokens, sampling, stop, split, caller, special);
  }

  public GenerateRequest withStop(List<String> texts) {
    return new GenerateRequest(
        prompt, system, raw, maxTokens, sampling, texts, split, caller, special);
  }

  public GenerateRequest withCaller(@Nullable String name) {
    return new GenerateRequest(
        prompt, system, raw, maxTokens, sampling, stop, split, name, special);
  }

  /**
   * Sends the prompt as it is.
   *
   * @throws IllegalArgumentException where there is a system message
   */
  public GenerateRequest asRaw() {
    return new GenerateRequest(
        prompt, system, true, maxTokens, sampling, stop, split, caller, special);
  }

  /** Lets the prompt name control tokens, and shows those of the answer. */
  public GenerateRequest withSpecial() {
    return new GenerateRequest(prompt, system, raw, maxTokens, sampling, stop, split, caller, true);
  }
}
