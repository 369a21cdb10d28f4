package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * Where a receiver puts a session's KV: the reserved blocks of the decode node. Called by the
 * stream thread.
 */
@FunctionalInterface
public interface KvSink {
  /**
   * Takes one layer's KV of tokens [firstToken, firstToken + tokens) in wire form from {@code src}
   * (of the order's wire type) at {@code srcOffset}. The range was checked against the order; the
   * bytes are whatever the peer sent. Allocates nothing.
   *
   * @return false where the bytes do not have {@code digest} ({@link
   *     dev.baton.kernel.RowDigest#ofSlice}); then nothing was taken
   */
  boolean importSlice(
      int layer, int firstToken, int tokens, MemorySegment src, long srcOffset, long digest);
}
