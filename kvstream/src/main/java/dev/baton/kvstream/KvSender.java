package dev.baton.kvstream;

import java.lang.foreign.MemorySegment;

/**
 * One session's sending side, called by the one compute thread that works on the order. No call
 * waits for the network and none fails because of it: once the peer is gone, {@link #isOver} says
 * so and the rest is ignored.
 */
public interface KvSender {
  /**
   * Must be called before the first slice: where slices are read from when their turn to travel
   * comes.
   */
  void begin(KvSource source);

  /**
   * The KV of this layer for tokens [firstToken, firstToken + tokens) stands in the source and may
   * leave.
   */
  void slice(int layer, int firstToken, int tokens);

  /**
   * The hidden rows at the boundary for tokens [firstToken, firstToken + tokens); copied before the
   * call returns.
   *
   * @param rows (.., hiddenDim) float32
   * @param row the first row to send
   */
  void hidden(int firstToken, int tokens, MemorySegment rows, long row);

  /**
   * Everything was handed over.
   *
   * @param computeStartNs when the first chunk began, by this process's {@code System.nanoTime}
   * @param computeEndNs when the last layer of the last chunk ended
   */
  void done(long computeStartNs, long computeEndNs);

  /** The order cannot be finished; the peer gets the reason, one line. */
  void fail(String reason);

  /** True once nobody wants the rest any more: aborted, peer lost, lease ended. */
  boolean isOver();
}
