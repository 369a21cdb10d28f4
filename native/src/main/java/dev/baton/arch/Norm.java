package dev.baton.arch;

/**
 * RMSNorm with a weight for each value: {@code x / sqrt(mean(x^2) + eps) * weight}. Source: Zhang
 * and Sennrich, "Root Mean Square Layer Normalization" (2019).
 */
public record Norm(float eps) {
  public Norm {
    Limits.require(
        eps > 0 && eps < 1, "attention.layer_norm_rms_epsilon " + eps + " is not between 0 and 1");
  }
}
