package dev.baton.arch;

/** What a shape's numbers may be, so that nothing is allocated for what no model has. */
final class Limits {
  static final int LAYERS = 1 << 10;
  static final int DIM = 1 << 16;
  static final int WIDTH = 1 << 20;
  static final int HEADS = 1 << 12;
  static final int HEAD_DIM = 1 << 12;
  static final int VOCAB = 1 << 22;
  static final int CONTEXT = 1 << 24;

  private Limits() {}

  /**
   * @throws IllegalArgumentException where {@code value} is not from 1 to {@code max}
   */
  static void within(String what, int value, int max) {
    require(value >= 1 && value <= max, what + " " + value + " is not between 1 and " + max);
  }

  /**
   * @throws IllegalArgumentException with the problem, unless {@code holds}
   */
  static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }
}
