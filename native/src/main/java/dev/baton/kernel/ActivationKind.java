package dev.baton.kernel;

import dev.baton.gguf.GgmlType;

/** The form in which a matrix wants its input. */
public enum ActivationKind {
  /** Plain floats, for F32, F16 and BF16 weights. */
  F32,
  /** Signed bytes with one scale per 32 values, for Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 weights. */
  Q8_32,
  /** Signed bytes with one scale per 256 values, for Q4_K, Q5_K and Q6_K weights. */
  Q8_256;

  /** The form that weights of {@code type} are multiplied with. */
  public static ActivationKind of(GgmlType type) {
    return switch (type) {
      case F32, F16, BF16 -> F32;
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 -> Q8_32;
      case Q4_K, Q5_K, Q6_K -> Q8_256;
    };
  }
}
