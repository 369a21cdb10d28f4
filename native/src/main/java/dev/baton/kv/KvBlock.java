package dev.baton.kv;

import dev.baton.arch.LayerRange;
import org.jspecify.annotations.Nullable;

/**
 * One block of a pool and who has it: sequences, and the {@link PrefixIndex} where it stands there.
 *
 * <p>Guarded by the pool's lock.
 */
final class KvBlock {
  private static final LayerRange NOTHING = LayerRange.all(0);

  final int number;

  /** Sequences that have it, and one more where the index has it. */
  int references;

  // What follows is the index's.

  boolean isCached;
  long hashHigh;
  long hashLow;

  /** The next one whose hash leads to the same place. */
  @Nullable KvBlock next;

  /** The hash of the block before it in its prefix, where there is one. */
  boolean hasParent;

  long parentHigh;
  long parentLow;

  Origin origin = Origin.EXACT;
  LayerRange layers = NOTHING;
  Retention retention = Retention.PASSING;
  int pins;

  /** Cached blocks that come right behind it and are not in a queue. */
  int heldChildren;

  /** Only the index has it and all that come behind it: it stands in the queue of its retention. */
  boolean isQueued;

  @Nullable KvBlock before;
  @Nullable KvBlock after;

  KvBlock(int number) {
    this.number = number;
  }

  /** True when nobody but the index has it, or a block behind it. */
  boolean isIdle() {
    return references == 1 && pins == 0 && heldChildren == 0;
  }

  /** True when the index would rather have one of that kind, of the same tokens. */
  boolean isWorseThan(Origin otherOrigin, LayerRange otherLayers) {
    boolean isAlike = origin.isExact() == otherOrigin.isExact() && layers.equals(otherLayers);
    return !isAlike && (otherOrigin.isExact() || !origin.isExact()) && otherLayers.contains(layers);
  }
}
