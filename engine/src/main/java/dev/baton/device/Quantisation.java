package dev.baton.device;

import java.util.Locale;

/**
 * In what form a model's weights are stored. The mixed forms (..._M, MXFP4) count with what they
 * come to on average over the layers of a Llama, the output matrix aside.
 */
public enum Quantisation {
  F16(16, 16, 16, "f16"),
  BF16(16, 16, 16, "f16"),
  FP8(8, 8, 16, "fp8"),
  Q8_0(8.5, 8.5, 8.5, "q8_0"),
  Q6_K(6.5625, 6.5625, 6.5625, "k"),
  Q5_K_M(5.66, 5.66, 6.5625, "k"),
  Q5_0(5.5, 5.5, 6.5625, "q4_0"),
  Q4_K_M(4.81, 4.81, 6.5625, "k"),
  Q4_K_S(4.54, 4.54, 6.5625, "k"),
  Q4_1(5, 5, 6.5625, "q4_0"),
  Q4_0(4.5, 4.5, 6.5625, "q4_0"),
  NVFP4(4.5, 4.5, 16, "nvfp4"),
  MXFP4(8.5, 4.25, 8.5, "mxfp4"),
  Q3_K_M(3.85, 3.85, 6.5625, "k"),
  Q2_K(2.95, 2.95, 6.5625, "k");

  private static final double BITS_PER_BYTE = 8;

  private final double denseBits;
  private final double expertBits;
  private final double outputBits;
  private final String kernels;

  Quantisation(double denseBits, double expertBits, double outputBits, String kernels) {
    this.denseBits = denseBits;
    this.expertBits = expertBits;
    this.outputBits = outputBits;
    this.kernels = kernels;
  }

  /** Bytes of one weight in a layer, outside the experts. */
  double denseBytes() {
    return denseBits / BITS_PER_BYTE;
  }

  /** Bytes of one weight of an expert. */
  double expertBytes() {
    return expertBits / BITS_PER_BYTE;
  }

  /** Bytes of one weight of the output matrix and of the embedding. */
  double outputBytes() {
    return outputBits / BITS_PER_BYTE;
  }

  /** Which forms are computed alike: the name their coefficients share. */
  String kernels() {
    return kernels;
  }

  /** As it stands in the names of models: "q4_k_m". */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
