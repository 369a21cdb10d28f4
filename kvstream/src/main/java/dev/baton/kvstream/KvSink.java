package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * Where a receiver puts a session's states: the reserved blocks of the node that ordered them.
 * Called by the stream thread.
 */
@FunctionalInterface
public interface KvSink {
  /**
   * Takes rows [first, first + count) of one state in wire form from {@code src} (of the order's
   * wire type) at {@code srcOffset}. The range was checked against the order; the bytes are
   * whatever the peer sent. Allocates nothing.
   *
   * @param state in the layer's list
   * @param first a token, or a run of tokens where the state has a row for so many
   * @return false where the bytes do not have {@code digest} ({@link
   *     dev.baton.kernel.RowDigest#ofParts}, with {@code layer | state << 16} as its layer); then
   *     nothing was taken
   */
  boolean importSlice(
      int layer, int state, int first, int count, MemorySegment src, long srcOffset, long digest);

  /**
   * Takes a piece of a fixed state, whose digest is right. Pieces of a later position replace those
   * of an earlier one, which never come again.
   *
   * @param position the tokens before it are in the state
   * @param from the piece's place in the state, in bytes
   */
  default void importFixed(
      int layer, int state, int position, int from, int bytes, MemorySegment src, long srcOffset) {
    throw new UnsupportedOperationException("layer " + layer + " has no fixed state here");
  }
}
