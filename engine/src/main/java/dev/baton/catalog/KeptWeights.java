package dev.baton.catalog;

import dev.baton.cpu.WeightCache;
import java.util.Map;

/** Where packed weights are kept: {@code packed/} in the cache folder, beside {@code models/}. */
public final class KeptWeights {
  private KeptWeights() {}

  /**
   * The packed weights in an environment's cache folder.
   *
   * @throws IllegalArgumentException when {@link WeightCache#LIMIT_VARIABLE} is no size
   */
  public static WeightCache of(Map<String, String> env) {
    return WeightCache.in(CacheFolder.of(env).resolve("packed"), env);
  }
}
