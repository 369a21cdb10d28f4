package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One session's receiving side. The stream thread writes it; any one other thread reads it. What a
 * query returned true for is visible: after {@link #isLayerWhole} the layer's KV may be read, after
 * {@link #hiddenTokens} those rows.
 */
public interface KvReceiver extends AutoCloseable {
  /** Where a session stands. FAILED and WHOLE are final. */
  enum State {
    ORDERED,
    STREAMING,
    /**
     * Every layer below the boundary is covered and its digest matched, and the hidden rows are
     * there.
     */
    WHOLE,
    FAILED
  }

  State state();

  /** Why the session failed, one line, or null. */
  @Nullable String failure();

  /** All ordered tokens of this layer have arrived and their digest matches the sender's. */
  boolean isLayerWhole(int layer);

  /**
   * Tokens [0, n) whose KV has arrived in every layer below the boundary (firstToken when nothing
   * has).
   */
  int coveredTokens();

  /**
   * Tokens [0, n) whose hidden rows have arrived; only with a boundary below the model's last
   * layer.
   */
  int hiddenTokens();

  /**
   * Hidden rows at the boundary, float32, row {@code t - firstToken} for token t; with the boundary
   * at the last layer one row, the last token's. Valid until {@link #close}.
   */
  MemorySegment hiddenRows();

  /** Payload bytes that have arrived, repeats included. Allocates nothing. */
  long receivedBytes();

  /** Payload bytes of the whole order, each counted once. */
  long orderedBytes();

  /** What was measured so far; complete once WHOLE. */
  TransferReport report();

  /** What arrived when, where {@link StreamConfig#trace} asks for it, else null. */
  @Nullable TransferTrace trace();

  /**
   * Ends the session: the peer is told to stop, and after this returns the sink is not called any
   * more. Twice is fine.
   */
  @Override
  void close();
}
