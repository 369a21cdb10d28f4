package dev.baton.prefill;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Need;
import dev.baton.kv.PrefixIndex;
import dev.baton.kv.Retention;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Stage;
import dev.baton.model.ModelBackend;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of an order's prompt in the pool's index: what an order goes on from, and what it
 * leaves behind. Of a split prompt these are the layers that this node computes.
 */
final class PrefixBlocks {
  private final PrefillOrder order;
  private final KvPool pool;
  private final byte[] chain;
  private final LayerRange layers;
  private final boolean exactOnly;
  private int cachedTokens;
  private int keptBlocks;

  PrefixBlocks(PrefillOrder order, KvPool pool, ModelBackend model) {
    this.order = order;
    this.pool = pool;
    this.chain = PrefixChain.of(order.prompt());
    this.layers = new LayerRange(0, order.stage().toLayer());
    this.exactOnly = model.isExact();
  }

  /**
   * Blocks for the whole prompt, the first of them with what is here of it.
   *
   * @return null when there are too few
   */
  @Nullable KvSequence begin() {
    byte[] usable = Arrays.copyOf(chain, usableBlocks() * PrefixChain.HASH_BYTES);
    Need need = new Need(exactOnly, layers);
    PrefixIndex.Begun begun =
        pool.prefixes().reserve(usable, order.tokens().length, order.tokens().length, 0, need);
    if (begun == null) {
      return null;
    }
    cachedTokens = begun.cachedTokens();
    keptBlocks = cachedTokens / KvGeometry.BLOCK_TOKENS;
    return begun.sequence();
  }

  /**
   * The last token is always computed, for its row. Where the other node computes further layers it
   * needs the boundary rows of all tokens that it lacks, and these are nowhere kept.
   */
  private int usableBlocks() {
    int most = order.tokens().length - 1;
    if (order.stage().rows() == Stage.Rows.ALL) {
      most = Math.min(most, order.firstToken());
    }
    return most / KvGeometry.BLOCK_TOKENS;
  }

  /** Tokens whose KV was here. */
  int cachedTokens() {
    return cachedTokens;
  }

  /** The first {@code tokens} have their KV in the order's layers. */
  void keep(KvSequence sequence, int tokens) {
    int blocks = tokens / KvGeometry.BLOCK_TOKENS;
    if (blocks > keptBlocks) {
      int _ = pool.prefixes().publish(chain, sequence, blocks, layers, Retention.CONVERSATION);
      keptBlocks = blocks;
    }
  }
}
