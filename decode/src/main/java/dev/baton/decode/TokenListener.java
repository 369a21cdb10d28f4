package dev.baton.decode;

import java.lang.foreign.MemorySegment;

/**
 * Hears a session's tokens. Called between passes by the decode thread, which all sessions share:
 * return at once. An exception that is thrown here ends this session; an {@link Error} ends all.
 */
public interface TokenListener {
  /** A token was sampled and is part of the answer. End-of-generation tokens are not reported. */
  void onToken(int token);

  /**
   * The logits that a token is chosen from, before {@link #onToken} tells of it.
   *
   * @param logits (.., vocab) float32; valid during the call, read-only
   * @param row the session's row
   */
  default void onLogits(MemorySegment logits, long row) {}

  /**
   * The prefill node was left: it took so many times longer than was predicted of it ({@link
   * RemotePrefill#forecast}).
   */
  default void onStraggler(double timesSlower) {}

  /** The session is over; its blocks are free. Called exactly once, last. */
  void onEnd(DecodeOutcome outcome);

  /**
   * Prompt tokens whose KV is complete, out of {@code total}; called as it grows, and not for every
   * token.
   */
  default void onPrefill(int done, int total) {}
}
