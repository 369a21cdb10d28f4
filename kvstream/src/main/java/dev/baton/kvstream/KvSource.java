package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * Where a sender takes a session's KV from: the cache of the node that computes it. Called by the
 * stream thread.
 */
@FunctionalInterface
public interface KvSource {
  /**
   * Writes one layer's KV of tokens [firstToken, firstToken + tokens) in wire form, of the order's
   * wire type, to {@code dst} at {@code dstOffset}. These rows are computed and do not change any
   * more. Allocates nothing.
   *
   * @return the digest of what was written ({@link dev.baton.kernel.RowDigest#ofSlice})
   */
  long exportSlice(int layer, int firstToken, int tokens, MemorySegment dst, long dstOffset);
}
