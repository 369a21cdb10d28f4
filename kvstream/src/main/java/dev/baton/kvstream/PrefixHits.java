package dev.baton.kvstream;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What a node holds of a prompt, and how it stands.
 *
 * @param held by layers; others are not held
 * @param queueMs work before a new order
 * @param freeTokens room that is left
 * @param numericsVersion the numeric contract it follows
 * @param fidelity what it promises about its numbers
 * @param capabilities what it can do beside what every node can
 */
public record PrefixHits(
    List<Held> held,
    int queueMs,
    int freeTokens,
    int numericsVersion,
    Fidelity fidelity,
    Set<Capability> capabilities) {
  /** Layers [fromLayer, toLayer) that can be gone on with from the same positions. */
  public record Held(int fromLayer, int toLayer, Positions positions) {
    public Held {
      if (fromLayer < 0 || toLayer <= fromLayer) {
        throw new IllegalArgumentException("layers [" + fromLayer + ", " + toLayer + ")");
      }
    }
  }

  public PrefixHits {
    held = List.copyOf(held);
    capabilities = Set.copyOf(capabilities);
  }

  /** From where all layers [fromLayer, toLayer) can be gone on with. */
  public Positions positions(int fromLayer, int toLayer) {
    Positions common = null;
    for (int layer = fromLayer; layer < toLayer; layer++) {
      Positions of = Positions.NONE;
      for (Held some : held) {
        if (some.fromLayer <= layer && layer < some.toLayer) {
          of =
              new Positions(
                  Math.max(of.anywhereTo(), some.positions.anywhereTo()),
                  joined(of.snapshots(), some.positions.snapshots()));
        }
      }
      common = common == null ? of : common.and(of);
    }
    return common == null ? Positions.NONE : common;
  }

  private static List<Integer> joined(List<Integer> one, List<Integer> other) {
    List<Integer> all = new ArrayList<>(one);
    all.addAll(other);
    return all;
  }
}
