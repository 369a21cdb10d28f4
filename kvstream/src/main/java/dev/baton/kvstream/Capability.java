package dev.baton.kvstream;

/**
 * What a node can do beside what every node of the protocol's version can. A node that does not
 * know one, or that lacks it, is not asked for it.
 */
public enum Capability {
  /** Sends state rows in a lossy form where an order asks for it. */
  LOSSY_ROWS(0, "send rows in a lossy form"),
  /** Computes stages that begin with another node's rows, and hands its own to third nodes. */
  STAGES(1, "compute stages between other nodes"),
  /** Takes prompts with given embedding rows, and positions of three parts. */
  GIVEN_ROWS(2, "take given embedding rows"),
  /** Runs the model with adapters. */
  ADAPTERS(3, "run adapters"),
  /** Keeps what it has computed, and goes on from there. */
  PREFIXES(4, "keep what it has computed");

  private final int bit;
  private final String words;

  Capability(int bit, String words) {
    this.bit = bit;
    this.words = words;
  }

  /** The number of its bit on the wire; never changes. */
  public int bit() {
    return bit;
  }

  /** What somebody who lacks it does not do. */
  public String words() {
    return words;
  }
}
