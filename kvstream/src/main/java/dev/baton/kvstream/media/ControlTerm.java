package dev.baton.kvstream.media;

import dev.baton.kvstream.StreamConfig;

/**
 * The length of a control stream's term to a prefill node, which bounds the longest order.
 *
 * @param bytes a power of two
 */
public record ControlTerm(int bytes) {
  /** Aeron takes messages of up to an eighth of a term. */
  private static final int ORDERS_IN_A_TERM = 8;

  private static final int ORDER_OVERHEAD_BYTES = 2048;

  /** Half of it holds the largest datagram twice. */
  private static final int LEAST_BYTES = 256 << 10;

  /** The one that is set, or one in which an order of {@code contextTokens} tokens fits. */
  public static ControlTerm of(StreamConfig config, int contextTokens) {
    if (config.controlTermBytes() != 0) {
      return new ControlTerm(config.controlTermBytes());
    }
    long order = ORDER_OVERHEAD_BYTES + (long) contextTokens * Integer.BYTES;
    long term = Long.highestOneBit(Math.max(1, ORDERS_IN_A_TERM * order - 1)) << 1;
    return new ControlTerm(Math.clamp(term, LEAST_BYTES, StreamConfig.MAX_TERM_BYTES));
  }

  /** Tokens of the longest order that the stream takes. */
  public int longestOrder() {
    return (bytes / ORDERS_IN_A_TERM - ORDER_OVERHEAD_BYTES) / Integer.BYTES;
  }
}
