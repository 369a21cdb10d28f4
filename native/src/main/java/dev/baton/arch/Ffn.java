package dev.baton.arch;

/** The part of a block that every token goes through alone. */
public sealed interface Ffn permits Ffn.Dense {
  /**
   * Two matrices in, an activation between them, one out. Source: Shazeer, "GLU Variants Improve
   * Transformer" (2020).
   *
   * @param width inner width
   */
  record Dense(int width, Activation activation) implements Ffn {
    public Dense {
      Limits.within("feed_forward_length", width, Limits.WIDTH);
    }
  }

  /** What becomes of gate and up. */
  enum Activation {
    /** {@code silu(gate) * up}. */
    SWIGLU
  }
}
