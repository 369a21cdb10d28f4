package dev.baton.kvstream;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * From where in a prompt some layers can be gone on with: from any token up to one, as far as their
 * state is rows, and from single ones, where there are snapshots of fixed states and windows.
 *
 * @param anywhereTo from any of tokens 0 to this one
 * @param snapshots further ones, in order
 */
public record Positions(int anywhereTo, List<Integer> snapshots) {
  /** Only from the start. */
  public static final Positions NONE = new Positions(0, List.of());

  public Positions {
    snapshots = List.copyOf(new TreeSet<>(snapshots));
    if (anywhereTo < 0 || (!snapshots.isEmpty() && snapshots.getFirst() < 0)) {
      throw new IllegalArgumentException("positions are tokens of a prompt");
    }
  }

  /** From any token up to one. */
  public static Positions upTo(int token) {
    return new Positions(token, List.of());
  }

  /** Whether it can be gone on from there. */
  public boolean contains(int token) {
    return (token >= 0 && token <= anywhereTo) || snapshots.contains(token);
  }

  /** Those that others have as well. */
  public Positions and(Positions other) {
    List<Integer> common = new ArrayList<>();
    snapshots.stream().filter(other::contains).forEach(common::add);
    other.snapshots.stream().filter(this::contains).forEach(common::add);
    return new Positions(Math.min(anywhereTo, other.anywhereTo), common);
  }

  /** The last one that is no further than {@code most}. */
  public int last(int most) {
    int best = Math.min(anywhereTo, most);
    for (int snapshot : snapshots) {
      best = snapshot <= most ? Math.max(best, snapshot) : best;
    }
    return best;
  }
}
