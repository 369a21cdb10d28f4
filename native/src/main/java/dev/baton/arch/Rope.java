package dev.baton.arch;

import org.jspecify.annotations.Nullable;

/**
 * Rotary position embedding: pairs of a head's first {@code dims} values are turned by angles that
 * grow with the position. Source: Su et al., "RoFormer" (2021).
 *
 * @param pairing which values make a pair
 * @param dims values of a head that are turned, an even number
 * @param base of the frequencies
 * @param stretch positions are divided by it, 1 for none
 * @param factors the vector of {@code dims / 2} divisors of the frequencies, where there is one
 */
public record Rope(
    Pairing pairing, int dims, double base, double stretch, @Nullable Weight factors) {
  /** Which values of a head are turned together; a file does not say it, its family does. */
  public enum Pairing {
    /** Values 2i and 2i + 1. */
    NEIGHBOURS
  }

  public Rope {
    Limits.within("rope.dimension_count", dims, Limits.HEAD_DIM);
    Limits.require(
        base >= 1 && base <= 1e15, "rope.freq_base " + base + " is not between 1 and 1e15");
    Limits.require(
        stretch > 0 && stretch <= 1e6,
        "rope.scaling.factor " + stretch + " is not between 0 and 1e6");
  }

  /** Pairs of a head that are turned. */
  public int pairs() {
    return dims / 2;
  }

  /**
   * Radians a position for each pair: {@code base^(-2i / dims) / factor_i / stretch}. From {@link
   * StrictMath}, so the same bits on every machine.
   *
   * @param divisors what {@link #factors} holds (Llama 3's long-context factors), or null for none
   * @throws ModelException if there are not as many as pairs, or one is not positive
   */
  public double[] frequencies(float @Nullable [] divisors) {
    String name = factors == null ? "the factors" : factors.name();
    if (divisors != null && divisors.length != pairs()) {
      throw new ModelException(
          name
              + " has "
              + divisors.length
              + " factors, the model needs "
              + pairs()
              + "; convert it again");
    }
    double[] frequencies = new double[pairs()];
    for (int i = 0; i < frequencies.length; i++) {
      float factor = divisors == null ? 1 : divisors[i];
      if (!(factor > 0 && factor < Float.POSITIVE_INFINITY)) {
        throw new ModelException(
            name
                + ": factor "
                + i
                + " is "
                + factor
                + ", wanted a positive number; convert the model again");
      }
      frequencies[i] = StrictMath.pow(base, -2.0 * i / dims) / factor / stretch;
    }
    return frequencies;
  }
}
