package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * Where a sender takes a session's KV from: the cache of the node that computes it. Called by the
 * stream thread.
 */
@FunctionalInterface
public interface KvSource {
  /**
   * Writes one layer's KV of tokens [firstToken, firstToken + tokens) in wire form (K then V, each
   * {@code [token][kvHead][headDim]} f16) to {@code dst} at {@code dstOffset}. These rows are
   * computed and do not change any more. Allocates nothing.
   */
  void exportSlice(int layer, int firstToken, int tokens, MemorySegment dst, long dstOffset);
}
