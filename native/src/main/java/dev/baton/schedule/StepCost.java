package dev.baton.schedule;

/**
 * What passes cost of late. Decode rows alone: by how many there are, in classes by powers of two;
 * a class that was not seen yet costs what the next one below does, else the next above. What a
 * token of a prompt adds: a line over how deep it stands, since attention reads all that is before
 * it, fitted to the passes of late, and by how much the last ones were off it. Allocates nothing.
 * One thread.
 */
final class StepCost {
  private static final int CLASSES = 24;

  /** Weights of the last pass. Dearer is believed sooner than cheaper. */
  private static final double DEARER = 1.0 / 2;

  private static final double CHEAPER = 1.0 / 4;

  /** A pass that was interrupted says little: it counts as so many times what was known. */
  private static final double MOST_TIMES = 4;

  /** Some of a pass is the chunk's, also where it took no longer than without one. */
  private static final double LEAST_SHARE = 1.0 / 16;

  /** What is left of a pass's weight in the line with each one that follows. */
  private static final double KEPT = 0.97;

  /** Depths that differ by less say nothing of a slope. */
  private static final double LEAST_SPREAD = 64;

  private final double[] decodeNs = new double[CLASSES]; // 0: not seen yet
  private double weight;
  private double depths; // weighted sums of passes: their depths,
  private double costs; // what a token of theirs added,
  private double squares; // and of products
  private double products;
  private double pace = 1; // of late, over the line

  /** What a step of decode rows alone takes; 0 for none, and before any was seen. */
  double decodeNs(int rows) {
    if (rows == 0) {
      return 0;
    }
    int at = classOf(rows);
    for (int i = at; i >= 0; i--) {
      if (decodeNs[i] > 0) {
        return decodeNs[i];
      }
    }
    for (int i = at + 1; i < CLASSES; i++) {
      if (decodeNs[i] > 0) {
        return decodeNs[i];
      }
    }
    return 0;
  }

  /** What a token at that depth adds to a pass through all layers; 0 before any was seen. */
  double tokenNs(int depth) {
    return pace * lineAt(depth);
  }

  /** Not below a quarter of the mean: a slope that was seen elsewhere may not hold here. */
  private double lineAt(double depth) {
    if (weight == 0) {
      return 0;
    }
    double mean = costs / weight;
    double meanDepth = depths / weight;
    double variance = squares / weight - meanDepth * meanDepth;
    if (variance < LEAST_SPREAD * LEAST_SPREAD) {
      return mean;
    }
    double slope = Math.max(0, (products / weight - meanDepth * mean) / variance);
    return Math.max(mean / 4, mean + slope * (depth - meanDepth));
  }

  /** A pass of decode rows alone took so long. */
  void ranRows(int rows, long ns) {
    int at = classOf(rows);
    double known = decodeNs[at];
    decodeNs[at] = known == 0 ? ns : moved(known, Math.min((double) ns, MOST_TIMES * known));
  }

  /** A pass of decode rows, if any, and so many tokens of prompts, at that depth. */
  void ranChunk(int rows, int tokens, int depth, long ns) {
    double added = Math.max(ns - decodeNs(rows), ns * LEAST_SHARE) / tokens;
    double line = lineAt(depth);
    if (line > 0) {
      pace = moved(pace, Math.min(added / line, MOST_TIMES));
      added = Math.min(added, 2 * line);
    }
    weight = KEPT * weight + 1;
    depths = KEPT * depths + depth;
    costs = KEPT * costs + added;
    squares = KEPT * squares + (double) depth * depth;
    products = KEPT * products + added * depth;
  }

  private static double moved(double known, double seen) {
    return known + (seen - known) * (seen > known ? DEARER : CHEAPER);
  }

  private static int classOf(int n) {
    return Math.min(CLASSES - 1, Integer.SIZE - Integer.numberOfLeadingZeros(n));
  }
}
