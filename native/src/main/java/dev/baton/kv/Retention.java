package dev.baton.kv;

/**
 * How long the index keeps a block that no sequence has: all of the first class go before any of
 * the next one. What is pinned never goes.
 */
public enum Retention {
  /** Hardly to be asked for again. */
  PASSING,
  /** Of a conversation that may go on. */
  CONVERSATION;

  /** The one that keeps longer. */
  Retention or(Retention other) {
    return compareTo(other) < 0 ? other : this;
  }
}
