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
   * All states of this layer that are rows stand in the source for tokens [firstToken, firstToken +
   * tokens), and may leave as far as they were ordered.
   */
  void slice(int layer, int firstToken, int tokens);

  /**
   * All fixed states of this layer at this position stand in the source, and stay there until a
   * later one is announced. The one at the prompt's end must be; earlier ones may.
   *
   * @param position the tokens before it are in the state
   */
  default void fixed(int layer, int position) {
    throw new UnsupportedOperationException("fixed states do not travel here");
  }

  /**
   * The boundary rows of tokens [firstToken, firstToken + tokens), no more than there is {@link
   * #rowsRoom} for; copied before the call returns.
   *
   * @param rows whole rows, one behind the other
   * @param row the first row to send
   */
  void hidden(int firstToken, int tokens, MemorySegment rows, long row);

  /**
   * How many tokens' boundary rows may be handed over now, from {@link #rowsFrom} on. Where there
   * is no room for the next chunk's, other orders are to be computed until there is: {@link
   * #onRoom}.
   */
  default int rowsRoom() {
    return Integer.MAX_VALUE;
  }

  /**
   * The token whose boundary row is to be handed over next: the one behind the last, or an earlier
   * one where the receiver has asked for rows that are not kept any more. Then its chunk has to go
   * through the layers again.
   */
  default int rowsFrom() {
    return Integer.MAX_VALUE;
  }

  /** Has this run on the stream thread when {@link #rowsRoom} or {@link #rowsFrom} has changed. */
  default void onRoom(Runnable action) {}

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
