package dev.baton.decode;

import dev.baton.kvstream.TransferReport;
import org.jspecify.annotations.Nullable;

/**
 * What a session did.
 *
 * @param end why it ended
 * @param failure one line, when {@code end} is {@link End#FAILED}
 * @param tokens of prompt and answer
 * @param times what it took
 * @param transfer what the KV stream measured, or null when nothing was streamed; incomplete when
 *     the session ended before the last KV had come
 * @param lossy whether the answer was computed from KV that had come in a lossy form
 * @param fallback why the prefill was finished here instead of remotely, one line, or null
 * @param timeline when which part ran
 */
public record DecodeOutcome(
    End end,
    @Nullable String failure,
    Tokens tokens,
    Times times,
    @Nullable TransferReport transfer,
    boolean lossy,
    @Nullable String fallback,
    RequestTimeline timeline) {
  /**
   * How long prompt and answer were.
   *
   * @param promptTokens tokens prefilled
   * @param cachedTokens of these the first ones, whose KV was there and not computed again
   * @param outputTokens tokens answered
   */
  public record Tokens(int promptTokens, int cachedTokens, int outputTokens) {}

  /**
   * Durations; a session that never got so far has 0 there.
   *
   * @param prefillNs from admission until the whole prompt had gone through all layers, wherever
   *     that was, and its last row was here
   * @param sharedPrefillNs what this node computed of a prompt whose first layers a prefill node
   *     did, waiting left out; 0 where it did all of it or none
   * @param ttftNs from submission until the first token
   * @param decodeNs from the first token until the last
   * @param longestStallNs the longest gap between two tokens; 0 for fewer than two
   */
  public record Times(
      long prefillNs, long sharedPrefillNs, long ttftNs, long decodeNs, long longestStallNs) {}

  /** Why a session ended. */
  public enum End {
    /** The model ended its answer. */
    END_OF_GENERATION,
    /** The request's stop predicate was true of the last token. */
    STOP,
    /** The token limit was reached. */
    LENGTH,
    /** The caller wanted no more. */
    CANCELLED,
    /** It could not go on; see the failure. */
    FAILED
  }
}
