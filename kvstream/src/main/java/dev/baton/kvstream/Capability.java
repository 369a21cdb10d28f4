package dev.baton.kvstream;

import java.util.EnumSet;
import java.util.Set;

/**
 * What a node can do beside what every node of the protocol's version can. A node that does not
 * know one, or that lacks it, is not asked for it. Its place is its bit on the wire and never
 * changes.
 */
public enum Capability {
  /** Sends state rows in a lossy form where an order asks for it. */
  LOSSY_ROWS("send rows in a lossy form"),
  /** Computes stages that begin with another node's rows, and hands its own to third nodes. */
  STAGES("compute stages between other nodes"),
  /** Takes prompts with given embedding rows, and positions of three parts. */
  GIVEN_ROWS("take given embedding rows"),
  /** Runs the model with adapters. */
  ADAPTERS("run adapters"),
  /** Keeps what it has computed, and goes on from there. */
  PREFIXES("keep what it has computed");

  private final String words;

  Capability(String words) {
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
      bits |= 1L << capability.ordinal();
    }
    return bits;
  }

  /** From a bit set; what a later version has beside is left out. */
  static Set<Capability> of(long bits) {
    EnumSet<Capability> known = EnumSet.noneOf(Capability.class);
    for (Capability capability : values()) {
      if ((bits >>> capability.ordinal() & 1) != 0) {
        known.add(capability);
      }
    }
    return known;
  }
}
