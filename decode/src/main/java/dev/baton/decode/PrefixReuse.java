package dev.baton.decode;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.kv.Need;
import dev.baton.kv.PrefixIndex;
import dev.baton.kv.Retention;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.model.ModelBackend;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a session goes on from, and what it leaves behind: the blocks of its prompt's beginning in
 * the pool's index. They give the same bits as computing them again. The decode thread's, but for
 * what says otherwise.
 */
final class PrefixReuse {
  private byte[] chain; // of the whole blocks of what is known when it begins
  private int chainTokens;
  private final boolean reuses;
  private int cachedTokens = -1; // before it began
  private int keptBlocks;
  private @Nullable KvPool pool; // where it leaves something behind, once begun
  private LayerRange layers = new LayerRange(0, 0);

  private PrefixReuse(boolean reuses, byte[] chain, int chainTokens) {
    this.reuses = reuses;
    this.chain = chain;
    this.chainTokens = chainTokens;
  }

  /**
   * Of a prompt.
   *
   * @param chain its hashes; null where all is computed, and nothing left behind
   */
  static PrefixReuse of(@Nullable PrefixChain chain) {
    return chain == null
        ? new PrefixReuse(false, new byte[0], 0)
        : new PrefixReuse(true, chain.array(), chain.tokens());
  }

  /** How many tokens of the prompt could be gone on from now. Any thread. */
  int cachedTokens(KvPool pool, ModelBackend model) {
    return pool.prefixes().hitTokens(usable(), need(model));
  }

  /** The last token is always computed: what follows it comes from there. */
  private byte[] usable() {
    int blocks = Math.max(0, chainTokens - 1) / KvGeometry.BLOCK_TOKENS;
    return Arrays.copyOf(chain, blocks * PrefixChain.HASH_BYTES);
  }

  private static Need need(ModelBackend model) {
    return new Need(model.isExact(), LayerRange.all(model.shape().layers()));
  }

  /**
   * A sequence with blocks for {@code tokens} tokens, that begins with what is there.
   *
   * @param maxTokens the longest that it may become
   * @param spare blocks that must then still be free
   * @return null when there are too few blocks
   */
  @Nullable KvSequence begin(
      KvPool from, ModelBackend model, int tokens, int maxTokens, int spare) {
    PrefixIndex.Begun begun =
        from.prefixes().reserve(usable(), tokens, maxTokens, spare, need(model));
    if (begun == null) {
      return null;
    }
    pool = reuses ? from : null;
    layers = LayerRange.all(model.shape().layers());
    keptBlocks = begun.cachedTokens() / KvGeometry.BLOCK_TOKENS;
    cachedTokens = cachedTokens < 0 ? begun.cachedTokens() : cachedTokens;
    return begun.sequence();
  }

  /** Tokens that the sequence began with. */
  int begunAt() {
    return keptBlocks * KvGeometry.BLOCK_TOKENS;
  }

  /** The sequence's tokens have become more, and it is to begin anew. */
  void beginsAnew(int[] tokens, int length) {
    if (reuses) {
      chain = PrefixChain.of(new Prompt(Arrays.copyOf(tokens, length), 0));
      chainTokens = length;
    }
  }

  /** Tokens of the prompt that were there, and were not computed. */
  int cachedTokens() {
    return Math.max(0, cachedTokens);
  }

  /** The first {@code ready} tokens have their KV in every layer: those that were known. */
  void keepPrompt(@Nullable KvSequence sequence, int ready) {
    int blocks = Math.min(ready, chainTokens) / KvGeometry.BLOCK_TOKENS;
    KvPool in = pool;
    if (blocks > keptBlocks && sequence != null && in != null) {
      int _ = in.prefixes().publish(chain, sequence, blocks, layers, Retention.PASSING);
      keptBlocks = blocks;
    }
  }

  /** So have prompt and answer, at the session's end: the next turn begins with them. */
  void keepAnswer(KvSequence sequence, int[] tokens, int ready) {
    KvPool in = pool;
    int blocks = ready / KvGeometry.BLOCK_TOKENS;
    if (in != null && blocks > 0) {
      byte[] whole = PrefixChain.of(new Prompt(Arrays.copyOf(tokens, ready), 0));
      int _ = in.prefixes().publish(whole, sequence, blocks, layers, Retention.CONVERSATION);
    }
  }
}
