package dev.baton.node;

import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.PrefixIndex;
import dev.baton.metrics.Meters;
import dev.baton.metrics.Series;

/** What a KV pool holds and what its index of prefixes did; all of it is asked of them. */
final class KvMeters {
  private KvMeters() {}

  static void show(KvPool pool, Meters meters) {
    PrefixIndex prefixes = pool.prefixes();
    Series blocks =
        Series.of(
            "baton_kv_blocks",
            "Blocks of "
                + KvGeometry.BLOCK_TOKENS
                + " tokens: of sequences, kept for prefixes alone, and neither.");
    meters.gauge(blocks.with("state", "used"), () -> pool.totalBlocks() - (long) pool.freeBlocks());
    meters.gauge(blocks.with("state", "cached"), () -> prefixes.counts().idleBlocks());
    meters.gauge(
        blocks.with("state", "free"),
        () -> Math.max(0, pool.freeBlocks() - prefixes.counts().idleBlocks()));
    Series lookups =
        Series.of("baton_prefix_lookups", "Prompts of a block or more looked up in the index.");
    meters.counter(lookups.with("result", "hit"), () -> prefixes.counts().hits());
    meters.counter(lookups.with("result", "miss"), () -> prefixes.counts().misses());
    meters.counter(
        Series.of("baton_prefix_hit_tokens", "Prompt tokens whose KV was there."),
        () -> prefixes.counts().hitTokens());
    meters.counter(
        Series.of("baton_prefix_evictions", "Kept blocks that were given up for a sequence."),
        () -> prefixes.counts().evictions());
  }
}
