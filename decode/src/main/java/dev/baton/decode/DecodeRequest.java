package dev.baton.decode;

import dev.baton.kvstream.PrefixChain;
import dev.baton.schedule.Priority;
import java.util.Objects;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * What a session is to do.
 *
 * @param prompt token ids from position 0; not to be changed after the call
 * @param maxTokens most tokens to answer with
 * @param sampling how to choose them
 * @param endOfGeneration tokens that end the answer
 * @param stop asked about each token of the answer, in order, once: true ends the answer with it;
 *     null where nothing does
 * @param remote who prefills layers [0, b), or null to do it all here
 * @param chain the prompt's hashes, where it goes on from KV that is there of the prompt's
 *     beginning, and leaves its own behind for others; null for measurements, which do not
 * @param priority who it goes before, and after whom
 * @param listener hears what happens
 */
public record DecodeRequest(
    int[] prompt,
    int maxTokens,
    SamplingParams sampling,
    IntPredicate endOfGeneration,
    @Nullable IntPredicate stop,
    @Nullable RemotePrefill remote,
    @Nullable PrefixChain chain,
    Priority priority,
    TokenListener listener) {
  /** One that nothing but its length and the model's own end stops, computed anew. */
  public DecodeRequest(
      int[] prompt,
      int maxTokens,
      SamplingParams sampling,
      IntPredicate endOfGeneration,
      @Nullable RemotePrefill remote,
      TokenListener listener) {
    this(
        prompt,
        maxTokens,
        sampling,
        endOfGeneration,
        null,
        remote,
        null,
        Priority.INTERACTIVE,
        listener);
  }

  public DecodeRequest {
    Objects.requireNonNull(sampling, "sampling");
    Objects.requireNonNull(endOfGeneration, "endOfGeneration");
    Objects.requireNonNull(priority, "priority");
    Objects.requireNonNull(listener, "listener");
    if (prompt.length < 1) {
      throw new IllegalArgumentException("the prompt is empty: give at least one token");
    }
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "the answer must be allowed at least one token, got " + maxTokens);
    }
    if (chain != null && chain.tokens() != prompt.length) {
      throw new IllegalArgumentException(
          "hashes of " + chain.tokens() + " tokens for a prompt of " + prompt.length);
    }
  }
}
