package dev.baton.kv;

import dev.baton.arch.LayerRange;
import dev.baton.kernel.KvGeometry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds the blocks of a prompt's beginning in the pool, so that they are computed once: full blocks
 * by the hashes of their chains. It has a reference to each, and gives those that nobody else has
 * up when a sequence finds no free one.
 *
 * <p><b>Chains.</b> A chain is {@value #HASH_BYTES} bytes for each whole block of a prompt, one
 * behind the other; a block's hash covers all that its KV depends on beside the model: the tokens
 * of it and of all blocks before it, the adapter, and a salt that keeps requests apart that must
 * not learn of each other. Whoever calls computes them; here they are only compared. A pool is one
 * model's, on kernels of one numeric contract, so neither is part of a chain.
 *
 * <p><b>Which block stays.</b> The first that is published under a hash, until one comes that is
 * {@link Origin#EXACT exact} where it is not, or has more layers. A block is given up only when no
 * sequence has it, it is not pinned, and no block behind it is there any more; of these first the
 * {@link Retention#PASSING passing} ones, and of each class the one that was let go longest ago.
 * Nothing depends on a clock.
 *
 * <p>Any thread; everything is done under the pool's lock and takes some tens of nanoseconds a
 * block.
 */
public final class PrefixIndex {
  /** Bytes of a block's hash. */
  public static final int HASH_BYTES = 16;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private final KvPool pool;
  private final @Nullable KvBlock[] buckets;
  private final BlockQueue passing = new BlockQueue(); // the idle blocks, as is the other
  private final BlockQueue conversations = new BlockQueue();
  private int cachedBlocks;
  private int idleBlocks;
  private int pinnedBlocks;
  private long hits;
  private long hitTokens;
  private long misses;
  private long evictions;

  /**
   * What the index has and did.
   *
   * @param hits prompts of which something was found
   * @param hitTokens tokens that were found
   * @param misses prompts of at least a block of which nothing was found
   * @param evictions blocks that were given up for a sequence
   * @param cachedBlocks blocks there are
   * @param idleBlocks those of them that could be given up
   * @param pinnedBlocks those of them that are pinned
   */
  public record Counts(
      long hits,
      long hitTokens,
      long misses,
      long evictions,
      int cachedBlocks,
      int idleBlocks,
      int pinnedBlocks) {}

  PrefixIndex(KvPool pool) {
    this.pool = pool;
    this.buckets = new KvBlock[Integer.highestOneBit(Math.max(1, pool.totalBlocks())) * 2];
  }

  /**
   * A sequence that begins with the blocks of the chain that are there, as far as they meet the
   * need: its {@link KvSequence#capacityTokens} are the tokens found, none where there are none.
   *
   * <p>A prompt that is found to its very end still needs its last token computed, for the logits:
   * leave the chain's last block out, or compute that token again, which copies its block.
   *
   * @param maxTokens the longest that the sequence may become
   */
  public KvSequence hit(byte[] chain, int maxTokens, Need need) {
    KvSequence sequence = pool.open(maxTokens);
    synchronized (pool) {
      int _ = take(sequence, chain, need);
    }
    return sequence;
  }

  /**
   * Blocks for a prompt, and how it begins.
   *
   * @param cachedTokens of its tokens the first ones, whose KV is there
   */
  public record Begun(KvSequence sequence, int cachedTokens) {}

  /**
   * The blocks for {@code tokens} token slots, which begin as {@link #hit} has it.
   *
   * @param maxTokens the longest that the sequence may become
   * @param spare blocks that must then still be free
   * @return null when there are too few, which may be asked often: it takes and counts nothing
   */
  public @Nullable Begun reserve(byte[] chain, int tokens, int maxTokens, int spare, Need need) {
    KvSequence sequence;
    int found;
    synchronized (pool) {
      if (!hasRoom(chain, tokens, spare, need)) {
        return null;
      }
      sequence = pool.open(maxTokens);
      found = take(sequence, chain, need);
    }
    return sequence.growOrClose(tokens)
        ? new Begun(sequence, found * KvGeometry.BLOCK_TOKENS)
        : null;
  }

  /** Whether the blocks that the chain lacks can be had beside those that it finds. */
  private boolean hasRoom(byte[] chain, int tokens, int spare, Need need) {
    int wanted = KvPool.blocksFor(tokens);
    int found = 0;
    int idle = 0; // of those that are found, which could then not be given up
    for (KvBlock block; found < Math.min(blocksOf(chain), wanted); found++) {
      block = find(chain, found, need);
      if (block == null) {
        break;
      }
      idle += block.isQueued ? 1 : 0;
    }
    return wanted - found + spare <= pool.freeBlocks() - idle;
  }

  /** Has the sequence begin with what is there; returns how many blocks that is. */
  private int take(KvSequence sequence, byte[] chain, Need need) {
    BlockTable table = sequence.table();
    int most = Math.min(blocksOf(chain), table.capacity());
    int found = 0;
    for (KvBlock block; found < most && (block = find(chain, found, need)) != null; found++) {
      pool.hold(block);
      table.append(block.number);
      sequence.mark(block.origin);
    }
    hits += found > 0 ? 1 : 0;
    misses += found == 0 && most > 0 ? 1 : 0;
    hitTokens += (long) found * KvGeometry.BLOCK_TOKENS;
    return found;
  }

  /** How many tokens {@link #hit} would find; takes nothing. */
  public int hitTokens(byte[] chain, Need need) {
    synchronized (pool) {
      int found = 0;
      while (found < blocksOf(chain) && find(chain, found, need) != null) {
        found++;
      }
      return found * KvGeometry.BLOCK_TOKENS;
    }
  }

  /**
   * The layers that the blocks of the chain which are there have in common with all before them, of
   * those needed the first ones: for each block the layer behind the last. The first block that has
   * none of them ends it. Takes nothing.
   */
  public int[] commonLayers(byte[] chain, Need need) {
    int[] ends = new int[blocksOf(chain)];
    int count = 0;
    int end = need.layers().to();
    synchronized (pool) {
      while (count < ends.length) {
        KvBlock block = find(high(chain, count), low(chain, count));
        if (block == null || !need.isMetByBeginning(block.origin, block.layers)) {
          break;
        }
        end = Math.min(end, block.layers.to());
        ends[count++] = end;
      }
    }
    return Arrays.copyOf(ends, count);
  }

  /**
   * The block of that hash, to be exported, as a sequence of its own: its tokens are [0, 64) there.
   *
   * @return null where it is not there, or does not meet the need
   */
  public @Nullable KvSequence block(byte[] hash, Need need) {
    synchronized (pool) {
      KvBlock block = blocksOf(hash) == 1 ? find(hash, 0, need) : null;
      if (block == null) {
        return null;
      }
      KvSequence sequence = pool.open(KvGeometry.BLOCK_TOKENS);
      pool.hold(block);
      sequence.table().append(block.number);
      sequence.mark(block.origin);
      return sequence;
    }
  }

  /**
   * Puts the sequence's first blocks in. All their tokens must be there, in the layers named; they
   * are not written to any more, or copied first. Blocks that are there already stay, or give way
   * to better ones, and count as used; all are kept at least as long as {@code retention} says.
   *
   * @param chain of the sequence's tokens, of {@code blocks} blocks at least
   * @return blocks that were put in
   */
  public int publish(
      byte[] chain, KvSequence sequence, int blocks, LayerRange layers, Retention retention) {
    BlockTable table = sequence.table();
    if (blocks < 0 || blocks > blocksOf(chain) || blocks > table.length()) {
      throw new IllegalArgumentException(
          blocks
              + " blocks of a chain of "
              + blocksOf(chain)
              + " and a sequence of "
              + table.length());
    }
    synchronized (pool) {
      sequence.requireOpen();
      int added = 0;
      for (int i = 0; i < blocks; i++) {
        KvBlock own = pool.block(table.get(i));
        KvBlock there = find(high(chain, i), low(chain, i));
        if (own.isCached && own != there) {
          break; // it stands under another hash; those behind it would have no parent
        }
        if (there == null) {
          insert(own, chain, i, sequence.origin(), layers);
          added++;
        } else if (own != there && there.isWorseThan(sequence.origin(), layers)) {
          replace(there, own, sequence.origin(), layers);
          added++;
        }
      }
      keep(chain, blocks, retention);
      return added;
    }
  }

  /**
   * Keeps the blocks of the chain that are there, from its beginning on, until {@link #unpin}.
   * Pinned twice is to be unpinned twice.
   *
   * @return how many there are
   */
  public int pin(byte[] chain) {
    synchronized (pool) {
      int blocks = 0;
      for (KvBlock block; blocks < blocksOf(chain); blocks++) {
        block = find(high(chain, blocks), low(chain, blocks));
        if (block == null) {
          break;
        }
        pinnedBlocks += block.pins == 0 ? 1 : 0;
        block.pins++;
        settle(block);
      }
      return blocks;
    }
  }

  /** Takes back a {@link #pin} that found so many blocks. */
  public void unpin(byte[] chain, int blocks) {
    synchronized (pool) {
      for (int i = blocks - 1; i >= 0; i--) {
        KvBlock block = find(high(chain, i), low(chain, i));
        if (block != null && block.pins > 0) {
          block.pins--;
          pinnedBlocks -= block.pins == 0 ? 1 : 0;
          settle(block);
        }
      }
    }
  }

  /** Forgets all, also what is pinned; sequences keep what they have. */
  public void clear() {
    synchronized (pool) {
      for (int i = 0; i < buckets.length; i++) {
        for (KvBlock block = buckets[i]; block != null; block = buckets[i]) {
          if (block.isQueued) {
            queue(block).remove(block);
          }
          forget(block);
          pool.letGo(block);
        }
      }
      idleBlocks = 0;
      pinnedBlocks = 0;
    }
  }

  public Counts counts() {
    synchronized (pool) {
      return new Counts(hits, hitTokens, misses, evictions, cachedBlocks, idleBlocks, pinnedBlocks);
    }
  }

  /** Blocks that could be given up. Locked. */
  int idleBlocks() {
    return idleBlocks;
  }

  /** Gives one of the idle blocks up; there is one. Locked. */
  void evict() {
    BlockQueue queue = passing.first() != null ? passing : conversations;
    KvBlock block = queue.removeFirst();
    idleBlocks--;
    evictions++;
    forget(block);
    pool.letGo(block);
  }

  /**
   * Puts the block into its queue or takes it out, after its holders changed, and so on with those
   * before it. Children come to stand before their parents: a parent is idle only after them.
   * Locked.
   */
  void settle(KvBlock block) {
    KvBlock at = block.isCached ? block : null;
    while (at != null && at.isIdle() != at.isQueued) {
      KvBlock parent = parent(at);
      at.isQueued = !at.isQueued;
      if (at.isQueued) {
        queue(at).addLast(at);
      } else {
        queue(at).remove(at);
      }
      idleBlocks += at.isQueued ? 1 : -1;
      if (parent != null) {
        parent.heldChildren += at.isQueued ? -1 : 1;
      }
      at = parent;
    }
  }

  private BlockQueue queue(KvBlock block) {
    return switch (block.retention) {
      case PASSING -> passing;
      case CONVERSATION -> conversations;
    };
  }

  /** Raises the blocks' retention, and counts them as used; the last first. */
  private void keep(byte[] chain, int blocks, Retention retention) {
    for (int i = blocks - 1; i >= 0; i--) {
      KvBlock block = find(high(chain, i), low(chain, i));
      if (block == null) {
        continue;
      }
      if (block.isQueued) {
        queue(block).remove(block);
      }
      block.retention = block.retention.or(retention);
      if (block.isQueued) {
        queue(block).addLast(block);
      }
    }
  }

  private void insert(KvBlock block, byte[] chain, int i, Origin origin, LayerRange layers) {
    block.hashHigh = high(chain, i);
    block.hashLow = low(chain, i);
    block.hasParent = i > 0;
    block.parentHigh = i > 0 ? high(chain, i - 1) : 0;
    block.parentLow = i > 0 ? low(chain, i - 1) : 0;
    block.retention = Retention.PASSING;
    block.pins = 0;
    block.heldChildren = 0;
    enter(block, origin, layers);
    hasHeldChild(parent(block));
  }

  /** A block that sequences have takes the place of another of the same tokens. */
  private void replace(KvBlock old, KvBlock block, Origin origin, LayerRange layers) {
    block.hashHigh = old.hashHigh;
    block.hashLow = old.hashLow;
    block.hasParent = old.hasParent;
    block.parentHigh = old.parentHigh;
    block.parentLow = old.parentLow;
    block.retention = old.retention;
    block.pins = old.pins;
    block.heldChildren = old.heldChildren;
    if (old.isQueued) {
      queue(old).remove(old);
      idleBlocks--;
      hasHeldChild(parent(old));
    }
    forget(old);
    pool.letGo(old);
    enter(block, origin, layers);
  }

  private void hasHeldChild(@Nullable KvBlock parent) {
    if (parent != null) {
      parent.heldChildren++;
      settle(parent);
    }
  }

  private void enter(KvBlock block, Origin origin, LayerRange layers) {
    int bucket = bucket(block.hashHigh, block.hashLow);
    block.next = buckets[bucket];
    buckets[bucket] = block;
    block.origin = origin;
    block.layers = layers;
    block.isQueued = false;
    block.isCached = true;
    block.references++;
    cachedBlocks++;
  }

  private void forget(KvBlock block) {
    int bucket = bucket(block.hashHigh, block.hashLow);
    KvBlock before = null;
    for (KvBlock at = buckets[bucket]; at != null && at != block; at = at.next) {
      before = at;
    }
    if (before == null) {
      buckets[bucket] = block.next;
    } else {
      before.next = block.next;
    }
    block.next = null;
    block.isCached = false;
    block.isQueued = false;
    cachedBlocks--;
  }

  private @Nullable KvBlock parent(KvBlock block) {
    return block.hasParent ? find(block.parentHigh, block.parentLow) : null;
  }

  private @Nullable KvBlock find(byte[] chain, int block, Need need) {
    KvBlock found = find(high(chain, block), low(chain, block));
    return found != null && need.isMetBy(found.origin, found.layers) ? found : null;
  }

  private @Nullable KvBlock find(long high, long low) {
    KvBlock at = buckets[bucket(high, low)];
    while (at != null && (at.hashHigh != high || at.hashLow != low)) {
      at = at.next;
    }
    return at;
  }

  private int bucket(long high, long low) {
    return (int) (high ^ low) & (buckets.length - 1);
  }

  /** Hashes of a chain. */
  private static int blocksOf(byte[] chain) {
    return chain.length / HASH_BYTES;
  }

  private static long high(byte[] chain, int block) {
    return (long) LONGS.get(chain, block * HASH_BYTES);
  }

  private static long low(byte[] chain, int block) {
    return (long) LONGS.get(chain, block * HASH_BYTES + Long.BYTES);
  }
}
