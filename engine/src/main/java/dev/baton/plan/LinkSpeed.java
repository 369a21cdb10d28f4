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
 * @param error how far off a transfer's prediction usually is, as a share of it
 */
public record LinkSpeed(
    double orderSeconds,
    double latencySeconds,
    double f16BytesPerSecond,
    double q8BytesPerSecond,
    double error) {
  public LinkSpeed {
    if (!(orderSeconds >= 0 && latencySeconds >= 0 && error >= 0)
        || !(f16BytesPerSecond > 0 && q8BytesPerSecond > 0)) {
      throw new IllegalArgumentException(
          "a link has times from 0 on and carries more than nothing, got "
              + orderSeconds
              + " s, "
              + latencySeconds
              + " s, "
              + f16BytesPerSecond
              + " and "
              + q8BytesPerSecond
              + " B/s, error "
              + error);
    }
  }

  /** Payload bytes a second. */
  public double bytesPerSecond(KvWireType wireType) {
    return switch (wireType) {
      case F16 -> f16BytesPerSecond;
      case Q8 -> q8BytesPerSecond;
    };
  }
}
