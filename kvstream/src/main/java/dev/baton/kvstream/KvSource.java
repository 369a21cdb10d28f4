package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * Where a sender takes a session's states from: the cache of the node that computes them. Called by
 * the stream thread.
 */
@FunctionalInterface
public interface KvSource {
  /**
   * Writes rows [first, first + count) of one state in wire form, of the order's wire type, to
   * {@code dst} at {@code dstOffset}: the first part of all, then the second of all. These rows are
   * computed and do not change any more. Allocates nothing.
   *
   * @param state in the layer's list
   * @param first a token, or a run of tokens where the state has a row for so many
   * @return the digest of what was written ({@link dev.baton.kernel.RowDigest#ofParts}, with {@code
   *     layer | state << 16} as its layer)
   */
  long exportSlice(int layer, int state, int first, int count, MemorySegment dst, long dstOffset);

  /** Tokens of the prompt whose state was there before anything was computed. */
  default int heldTokens() {
    return 0;
  }

  /**
   * Writes a piece of a fixed state. The source keeps what it announced by {@link KvSender#fixed}
   * until it has announced a later one, and reuses its memory only while no call is in here.
   *
   * @param position the tokens before it are in the state
   * @param from the piece's place in the state, in bytes
   * @return false where a later one stands there, which was announced before; then nothing counts
   */
  default boolean exportFixed(
      int layer, int state, int position, int from, int bytes, MemorySegment dst, long dstOffset) {
    throw new UnsupportedOperationException("layer " + layer + " has no fixed state here");
  }
}
