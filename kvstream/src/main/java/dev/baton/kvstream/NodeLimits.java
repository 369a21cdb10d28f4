package dev.baton.kvstream;

/**
 * What a node takes of orders, as it says in the handshake: orders and plans keep to it. A node
 * that does not prefill takes {@link #NONE}.
 *
 * @param chunkTokens tokens of the largest chunk
 * @param roomTokens tokens of all prompts that may be there at once, in whole KV blocks
 * @param orders orders under way at once, whoever gave them
 */
public record NodeLimits(int chunkTokens, int roomTokens, int orders) {
  /** Of a node that takes no orders. */
  public static final NodeLimits NONE = new NodeLimits(0, 0, 0);

  /** Of whoever sets none. */
  public static final NodeLimits UNLIMITED =
      new NodeLimits(Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE);

  public NodeLimits {
    if (chunkTokens < 0 || roomTokens < 0 || orders < 0) {
      throw new IllegalArgumentException(
          "limits are not negative, got " + chunkTokens + ", " + roomTokens + ", " + orders);
    }
  }

  /** True where an order can fit at all. */
  public boolean takesOrders() {
    return chunkTokens > 0 && roomTokens > 0 && orders > 0;
  }
}
