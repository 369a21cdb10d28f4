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
     * Every state that was ordered is covered and its digest matched, and all boundary rows were
     * there.
     */
    WHOLE,
    FAILED
  }

  State state();

  /** Why the session failed, one line, or null. */
  @Nullable String failure();

  /**
   * All that was ordered of this layer's states has arrived and its digest matches the sender's; of
   * fixed states the one behind the whole prompt.
   */
  boolean isLayerWhole(int layer);

  /**
   * Tokens [0, n) behind which the ordered layers can be gone on with: all that later tokens need
   * of them has arrived, or was there before (firstToken when nothing has).
   */
  int coveredTokens();

  /**
   * The position at which all fixed states of this layer stand here, whole; -1 while there is none.
   */
  default int fixedPosition(int layer) {
    return -1;
  }

  /** Tokens [0, n) whose boundary rows have arrived, of those that were ordered. */
  int hiddenTokens();

  /**
   * Copies boundary rows that have arrived and were not let go of.
   *
   * @param firstToken of the first of them
   */
  void copyHidden(int firstToken, int tokens, MemorySegment dst, long dstOffset);

  /**
   * The boundary rows of tokens before this one are not needed any more: later ones may come in
   * their place. Without it the sender's compute stops when the window is full.
   */
  void hiddenTaken(int endToken);

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
