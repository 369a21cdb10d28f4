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
   * at {@code srcOffset}. The range was checked against the order; the bytes are whatever the peer
   * sent. Allocates nothing.
   */
  void importSlice(int layer, int firstToken, int tokens, MemorySegment src, long srcOffset);
}
