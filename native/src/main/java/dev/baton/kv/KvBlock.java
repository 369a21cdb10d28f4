package dev.baton.kv;

/**
 * One block of a pool and who has it: sequences, and the {@link PrefixIndex} where it stands there.
 *
 * <p>Guarded by the pool's lock.
 */
final class KvBlock {
  final int number;

  /** Sequences that have it, and one more where the index has it. */
  int references;

  /** Somebody had it before: a device's pool wipes it. */
  boolean isUsed;

  KvBlock(int number) {
    this.number = number;
  }
}
