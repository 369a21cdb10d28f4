package dev.baton.decode;

/**
 * How fast this node prefills, in tokens times layers a second, smoothed over the chunks it has
 * run.
 */
final class PrefillRate {
  /** Smaller chunks read the weights for too few tokens to tell anything of a prompt. */
  static final int LEAST_TOKENS = 16;

  private static final double WEIGHT_OF_NEW = 0.3;

  private double tokenLayersPerNs;
  private long measuredNs;

  /** A chunk of {@code tokens} took {@code tookNs} for {@code layers} layers. */
  void ran(int tokens, int layers, long tookNs, long nowNs) {
    if (tokens < LEAST_TOKENS || tookNs <= 0) {
      return;
    }
    double rate = (double) tokens * layers / tookNs;
    tokenLayersPerNs =
        tokenLayersPerNs == 0 ? rate : tokenLayersPerNs + WEIGHT_OF_NEW * (rate - tokenLayersPerNs);
    measuredNs = nowNs;
  }

  boolean isKnown() {
    return tokenLayersPerNs > 0;
  }

  /** When the last chunk was measured. */
  long measuredNs() {
    return measuredNs;
  }

  /** What that many tokens times layers take here. */
  long nsFor(long tokenLayers) {
    return Math.round(tokenLayers / tokenLayersPerNs);
  }
}
