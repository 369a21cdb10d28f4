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
  /** Of a session that computes everything, and leaves nothing behind. */
  static final PrefixReuse NONE = new PrefixReuse(new byte[0], 0);

  private final byte[] chain; // of the prompt's whole blocks
  private final int promptTokens;
  private int cachedTokens;
  private int keptBlocks;
  private @Nullable KvPool pool; // once begun
  private LayerRange layers = new LayerRange(0, 0);

  private PrefixReuse(byte[] chain, int promptTokens) {
    this.chain = chain;
    this.promptTokens = promptTokens;
  }

  /** Of a prompt, hashed by the calling thread. */
  static PrefixReuse of(int[] prompt) {
    return new PrefixReuse(PrefixChain.of(new Prompt(prompt, 0)), prompt.length);
  }

  /** How many tokens of the prompt could be gone on from now. Any thread. */
  int cachedTokens(KvPool pool, ModelBackend model) {
    return pool.prefixes().hitTokens(usable(), need(model));
  }

  /** The prompt's last token is always computed: what follows it comes from there. */
  private byte[] usable() {
    int blocks = Math.max(0, promptTokens - 1) / KvGeometry.BLOCK_TOKENS;
    return Arrays.copyOf(chain, blocks * PrefixChain.HASH_BYTES);
  }

  private static Need need(ModelBackend model) {
    return new Need(model.isExact(), LayerRange.all(model.shape().layers()));
  }

  /**
   * A sequence with room for {@code slots} tokens, that begins with what is there.
   *
   * @return null when there are too few blocks
   */
  @Nullable KvSequence begin(KvPool from, ModelBackend model, int slots) {
    if (this == NONE) {
      return from.reserve(slots);
    }
    PrefixIndex.Begun begun = from.prefixes().reserve(usable(), slots, need(model));
    if (begun == null) {
      return null;
    }
    pool = from;
    layers = LayerRange.all(model.shape().layers());
    cachedTokens = begun.cachedTokens();
    keptBlocks = cachedTokens / KvGeometry.BLOCK_TOKENS;
    return begun.sequence();
  }

  /** Tokens that were there and are not computed again. */
  int cachedTokens() {
    return cachedTokens;
  }

  /** The prompt's first {@code ready} tokens have their KV in every layer. */
  void keepPrompt(@Nullable KvSequence sequence, int ready) {
    int blocks = Math.min(ready, promptTokens) / KvGeometry.BLOCK_TOKENS;
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
