package dev.baton.kvstream;

import java.util.EnumSet;
import java.util.Set;

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

  private final long bit;
  private final String words;

  /**
   * @param place of its bit on the wire; never changes
   */
  Capability(int place, String words) {
    this.bit = 1L << place;
    this.words = words;
  }

  /** What somebody who lacks it does not do. */
  String words() {
    return words;
  }

  /** As a bit set. */
  static long bits(Set<Capability> capabilities) {
    long bits = 0;
    for (Capability capability : capabilities) {
      bits |= capability.bit;
    }
    return bits;
  }

  /** From a bit set; what a later version has beside is left out. */
  static Set<Capability> of(long bits) {
    EnumSet<Capability> known = EnumSet.noneOf(Capability.class);
    for (Capability capability : values()) {
      if ((bits & capability.bit) != 0) {
        known.add(capability);
      }
    }
    return known;
  }
}
