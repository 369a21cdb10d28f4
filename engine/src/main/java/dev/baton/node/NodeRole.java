package dev.baton.node;

/** What a node does for whom; all of it on one compute thread, behind one end of the streams. */
public enum NodeRole {
  /** Takes other nodes' orders, and nothing else. */
  PREFILL,

  /** Answers requests of its own. */
  DECODE,

  /** Does both at once. */
  BOTH
}
