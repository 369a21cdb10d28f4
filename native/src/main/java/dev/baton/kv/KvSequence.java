package dev.baton.kv;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvView;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of one sequence of tokens; made by {@link KvPool#open}. It takes blocks as tokens
 * come, and may have some together with other sequences and with the pool's index: these are never
 * written, but copied first.
 *
 * <p>One thread at a time grows, forks, truncates and closes it. Others may export tokens that are
 * there, and import others, at the same time; but a block that is shared must not be written while
 * another thread exports what this sequence has in it.
 */
public final class KvSequence implements AutoCloseable {
  private final KvPool pool;
  private final BlockTable table;
  private final @Nullable KvView view;
  private boolean closed; // guarded by the pool's lock, as is the origin
  private Origin origin = Origin.EXACT;

  KvSequence(KvPool pool, @Nullable MemorySegment memory, BlockTable table) {
    this.pool = pool;
    this.table = table;
    this.view = memory == null ? null : new KvView(pool.geometry(), memory, table.numbers());
  }

  /**
   * Where the KV lies, for kernels.
   *
   * @throws IllegalStateException when it lies in a device's memory
   */
  public KvView view() {
    if (view == null) {
      throw new IllegalStateException("this KV lies in a device's memory");
    }
    return view;
  }

  /** The slot of a token among all slots of the pool, block after block. */
  public int slot(int token) {
    int inBlock = token % KvGeometry.BLOCK_TOKENS;
    return table.get(token / KvGeometry.BLOCK_TOKENS) * KvGeometry.BLOCK_TOKENS + inBlock;
  }

  /** Token slots there are. */
  public int capacityTokens() {
    return table.length() * KvGeometry.BLOCK_TOKENS;
  }

  /** Token slots that there can be. */
  public int maxTokens() {
    return table.capacity() * KvGeometry.BLOCK_TOKENS;
  }

  /**
   * Makes sure that there are slots for {@code tokens} tokens in all.
   *
   * @return false when there are too few blocks; then nothing was taken
   * @throws IllegalArgumentException for more tokens than the sequence was opened for
   */
  public boolean grow(int tokens) {
    if (tokens < 0 || tokens > maxTokens()) {
      throw new IllegalArgumentException(
          tokens + " tokens in a sequence opened for " + maxTokens());
    }
    synchronized (pool) {
      requireOpen();
    }
    return pool.grow(table, KvPool.blocksFor(tokens));
  }

  /** {@link #grow}, or gives all back where that cannot be. */
  boolean growOrClose(int tokens) {
    boolean grown = false;
    try {
      grown = grow(tokens);
    } finally {
      if (!grown) {
        close();
      }
    }
    return grown;
  }

  /**
   * Makes sure that writing tokens [fromToken, toToken), which have slots, changes nobody else's: a
   * block that others have too is copied first. Whoever writes calls this; batches and imports do
   * it by themselves. Any thread, and several for one sequence.
   *
   * @return false when no block is free for a copy
   * @throws IndexOutOfBoundsException when the sequence has no such slots
   */
  public boolean writable(int fromToken, int toToken) {
    if (fromToken < 0 || fromToken > toToken || toToken > capacityTokens()) {
      throw new IndexOutOfBoundsException(
          "tokens ["
              + fromToken
              + ", "
              + toToken
              + ") of a sequence of "
              + capacityTokens()
              + " slots");
    }
    int first = fromToken / KvGeometry.BLOCK_TOKENS;
    int end = fromToken == toToken ? first : KvPool.blocksFor(toToken);
    boolean isShared;
    synchronized (pool) {
      requireOpen();
      isShared = pool.hasShared(table, first, end);
    }
    return !isShared || unshare(first, end);
  }

  /**
   * Some of its tokens came that way: the sequence, and what it publishes, is no better from now
   * on. Imports mark what loses bits on the wire; what a tolerant device computed is marked by
   * whoever knows that. Any thread.
   */
  public void mark(Origin cameFrom) {
    synchronized (pool) {
      origin = origin.or(cameFrom);
    }
  }

  /** The worst way in which any of its tokens came. */
  public Origin origin() {
    synchronized (pool) {
      return origin;
    }
  }

  /** One thread copies a block, the others wait for it. */
  private synchronized boolean unshare(int first, int end) {
    for (int i = first; i < end; i++) {
      if (!pool.unshare(table, i)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Another sequence with the same tokens, in the same blocks, and room for as many. Its first
   * write into one of them copies that block.
   */
  public KvSequence fork() {
    synchronized (pool) {
      requireOpen();
      KvSequence fork = pool.open(maxTokens());
      for (int i = 0; i < table.length(); i++) {
        pool.hold(pool.block(table.get(i)));
        fork.table.append(table.get(i));
      }
      fork.mark(origin);
      return fork;
    }
  }

  /**
   * Gives the blocks behind the first {@code tokens} tokens back; whoever reads or writes these
   * must have ended.
   */
  public void truncate(int tokens) {
    if (tokens < 0) {
      throw new IllegalArgumentException("a sequence of " + tokens + " tokens");
    }
    synchronized (pool) {
      requireOpen();
      while (table.length() > KvPool.blocksFor(tokens)) {
        pool.letGo(pool.block(table.removeLast()));
      }
    }
  }

  BlockTable table() {
    return table;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this sequence has given its KV blocks back");
    }
  }

  /** Gives the blocks back; whoever reads or writes them must have ended. Twice is fine. */
  @Override
  public void close() {
    synchronized (pool) {
      if (closed) {
        return;
      }
      closed = true;
      pool.ended(table);
      for (int i = table.length() - 1; i >= 0; i--) {
        pool.letGo(pool.block(table.get(i)));
      }
    }
  }
}
