package dev.baton.schedule;

/**
 * What passes cost of late: decode rows alone, by how many there are, and what a token of a prompt
 * adds, by how deep it stands. Both in classes by powers of two; a class that was not seen yet
 * costs what the next one below does, else the next above. Allocates nothing. One thread.
 */
final class StepCost {
  private static final int CLASSES = 24;

  /** Positions below this are one class of depth. */
  private static final int SHALLOW_TOKENS = 256;

  /** Weights of the last pass. Dearer is believed sooner than cheaper. */
  private static final double DEARER = 1.0 / 2;

  private static final double CHEAPER = 1.0 / 8;

  /** A pass that was interrupted says little: it counts as so many times what was known. */
  private static final double MOST_TIMES = 4;

  /** Some of a pass is the chunk's, also where it took no longer than without one. */
  private static final double LEAST_SHARE = 1.0 / 16;

  private final double[] decodeNs = new double[CLASSES]; // 0: not seen yet
  private final double[] tokenNs = new double[CLASSES]; // 0: not seen yet

  /** What a step of decode rows alone takes; 0 for none, and before any was seen. */
  double decodeNs(int rows) {
    return rows == 0 ? 0 : nearest(decodeNs, classOf(rows));
  }

  /** What a token at that depth adds to a pass through all layers; 0 before any was seen. */
  double tokenNs(int depth) {
    return nearest(tokenNs, classOf(depth / SHALLOW_TOKENS));
  }

  /** A pass of decode rows alone took so long. */
  void ranRows(int rows, long ns) {
    learn(decodeNs, classOf(rows), (double) ns);
  }

  /** A pass of decode rows, if any, and so many tokens of prompts, at that depth. */
  void ranChunk(int rows, int tokens, int depth, long ns) {
    double added = Math.max(ns - decodeNs(rows), ns * LEAST_SHARE);
    learn(tokenNs, classOf(depth / SHALLOW_TOKENS), added / tokens);
  }

  private static void learn(double[] table, int at, double ns) {
    double known = table[at];
    if (known == 0) {
      table[at] = ns;
    } else {
      double seen = Math.min(ns, MOST_TIMES * known);
      table[at] = known + (seen - known) * (seen > known ? DEARER : CHEAPER);
    }
  }

  private static int classOf(int n) {
    return Math.min(CLASSES - 1, Integer.SIZE - Integer.numberOfLeadingZeros(n));
  }

  private static double nearest(double[] table, int at) {
    for (int i = at; i >= 0; i--) {
      if (table[i] > 0) {
        return table[i];
      }
    }
    for (int i = at + 1; i < CLASSES; i++) {
      if (table[i] > 0) {
        return table[i];
      }
    }
    return 0;
  }
}
