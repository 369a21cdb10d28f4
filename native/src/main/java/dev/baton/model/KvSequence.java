package dev.baton.model;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of one sequence of tokens; made by {@link KvCache#reserve}. Closing gives the blocks
 * back, once.
 */
public final class KvSequence implements AutoCloseable {
  private final KvCache cache;
  private final int[] blocks;
  private final @Nullable KvView view;
  private final AtomicBoolean closed = new AtomicBoolean();

  KvSequence(KvCache cache, @Nullable MemorySegment pool, int[] blocks) {
    this.cache = cache;
    this.blocks = blocks;
    if (pool == null) {
      this.view = null;
      return;
    }
    MemorySegment table = Arena.ofAuto().allocate((long) blocks.length * Integer.BYTES, 8);
    MemorySegment.copy(blocks, 0, table, ValueLayout.JAVA_INT, 0, blocks.length);
    this.view = new KvView(cache.geometry(), pool, table);
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

  /** The slot of a token among all slots of the cache, block after block. */
  public int slot(int token) {
    int inBlock = token % KvGeometry.BLOCK_TOKENS;
    return blocks[token / KvGeometry.BLOCK_TOKENS] * KvGeometry.BLOCK_TOKENS + inBlock;
  }

  /** Token slots there are. */
  public int capacityTokens() {
    return blocks.length * KvGeometry.BLOCK_TOKENS;
  }

  /** Gives the blocks back; whoever reads or writes them must have ended. Twice is fine. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      cache.release(blocks);
    }
  }
}
