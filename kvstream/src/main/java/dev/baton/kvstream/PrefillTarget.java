package dev.baton.kvstream;

/** Who takes orders: a prefill node that this node knows. */
@FunctionalInterface
public interface PrefillTarget {
  /**
   * Orders a prefill and returns at once; how it goes, the receiver says. An order to a node that
   * is lost fails, with the reason in {@link KvReceiver#failure}.
   *
   * @param sink takes the KV, on the stream thread, until the receiver is closed
   * @throws IllegalArgumentException when the order does not fit the model or is too long for the
   *     node
   */
  KvReceiver order(PrefillOrder order, KvSink sink);

  /** What it takes of orders. */
  default NodeLimits limits() {
    return NodeLimits.UNLIMITED;
  }

  /** What it promises about its numbers. */
  default Fidelity fidelity() {
    return Fidelity.EXACT;
  }
}
