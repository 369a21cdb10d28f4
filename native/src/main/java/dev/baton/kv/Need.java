package dev.baton.kv;

import dev.baton.arch.LayerRange;

/**
 * What a request asks of the blocks that it goes on from.
 *
 * @param exactOnly it gets none that are not {@link Origin#EXACT}
 * @param layers those that it needs the KV of: of a prompt that is split these are fewer than all
 */
public record Need(boolean exactOnly, LayerRange layers) {
  /** True when a block of that origin, with KV of {@code of}, will do. */
  boolean isMetBy(Origin origin, LayerRange of) {
    return (!exactOnly || origin.isExact()) && of.contains(layers);
  }

  /** True when such a block has the first of the layers, and perhaps more. */
  boolean isMetByBeginning(Origin origin, LayerRange of) {
    return (!exactOnly || origin.isExact()) && of.contains(layers.from());
  }
}
