package dev.baton.plan;

import dev.baton.kernel.KvWireType;

/**
 * What a link between two nodes carries, one way, as measured through the real KV stream.
 *
 * @param orderSeconds from a request's decision until the prefill node computes
 * @param latencySeconds from handing a slice over until it is usable at the other end, beside its
 *     bytes
 * @param f16BytesPerSecond payload in the lossless wire type
 * @param q8BytesPerSecond payload in the lossy one
 * @param slowdown how many times longer both nodes' prefill takes while they share one: what the
 *     stream takes of their cores, and that nodes on one machine share more than a request; 1 for
 *     none
 * @param error how far off a transfer's prediction usually is, as a share of it
 */
public record LinkSpeed(
    double orderSeconds,
    double latencySeconds,
    double f16BytesPerSecond,
    double q8BytesPerSecond,
    double slowdown,
    double error) {
  public LinkSpeed {
    if (!(orderSeconds >= 0 && latencySeconds >= 0 && error >= 0)
        || !(f16BytesPerSecond > 0 && q8BytesPerSecond > 0)
        || !(slowdown >= 1)) {
      throw new IllegalArgumentException(
          "a link has times from 0 on, carries more than nothing and slows nodes by 1 or more, got "
              + orderSeconds
              + " s, "
              + latencySeconds
              + " s, "
              + f16BytesPerSecond
              + " and "
              + q8BytesPerSecond
              + " B/s, slowdown "
              + slowdown
              + ", error "
              + error);
    }
  }

  /** The same link between nodes that slow each other so. */
  public LinkSpeed slowedBy(double times) {
    return new LinkSpeed(
        orderSeconds, latencySeconds, f16BytesPerSecond, q8BytesPerSecond, times, error);
  }

  /** Payload bytes a second. */
  public double bytesPerSecond(KvWireType wireType) {
    return switch (wireType) {
      case F16 -> f16BytesPerSecond;
      case Q8 -> q8BytesPerSecond;
    };
  }
}
