package dev.baton.plan;

/**
 * Observed over predicted time of a node's work of late, 1 for as predicted.
 *
 * @param prefill of prompts of which one node computes all layers
 * @param shared of a node's part of prompts that two compute
 * @param decode of decode steps
 */
public record Correction(double prefill, double shared, double decode) {
  /** As predicted. */
  public static final Correction NONE = new Correction(1, 1, 1);

  public Correction {
    if (!(prefill > 0 && shared > 0 && decode > 0)) {
      throw new IllegalArgumentException(
          "a correction is positive, got " + prefill + ", " + shared + " and " + decode);
    }
  }

  /** The same with decode steps that take so many times as long. */
  public Correction withSlowerDecode(double times) {
    return new Correction(prefill, shared, decode * times);
  }

  /** The same with prompts that take so many times as long. */
  public Correction withSlowerPrefill(double times) {
    return new Correction(prefill * times, shared * times, decode);
  }
}
