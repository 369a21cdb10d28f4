package dev.baton.model;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.PageMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The paged KV cache of one model in host memory: a fixed number of blocks of {@link
 * KvGeometry#BLOCK_TOKENS} token slots, handed out to sequences. Memory is committed as it is first
 * written.
 *
 * <p>Reserving and releasing may be done from any thread; what a sequence's blocks hold is its
 * owner's business.
 */
public final class KvCache implements AutoCloseable {
  private final KvGeometry geometry;
  private final int blocks;
  private final Arena arena;
  private final MemorySegment pool;
  private final BitSet taken;
  private final BitSet used;
  private int takenBlocks;
  private boolean closed;

  /**
   * @param blocks how many there are in all
   * @throws ModelException when the system cannot give that much address space
   */
  public KvCache(KvGeometry geometry, int blocks) {
    if (blocks < 1) {
      throw new IllegalArgumentException("a KV cache needs at least one block, got " + blocks);
    }
    this.geometry = geometry;
    this.blocks = blocks;
    this.taken = new BitSet(blocks);
    this.used = new BitSet(blocks);
    this.arena = Arena.ofShared();
    try {
      this.pool =
          PageMemory.allocate(Math.multiplyExact(geometry.blockBytes(), (long) blocks), arena);
    } catch (OutOfMemoryError | ArithmeticException e) {
      arena.close();
      throw new ModelException(
          "no room for a KV cache of "
              + (long) blocks * KvGeometry.BLOCK_TOKENS
              + " tokens: ask for a shorter context",
          e);
    }
  }

  /** Blocks that hold {@code tokens} token slots. */
  public static int blocksFor(int tokens) {
    return Math.ceilDivExact(tokens, KvGeometry.BLOCK_TOKENS);
  }

  public KvGeometry geometry() {
    return geometry;
  }

  public int totalBlocks() {
    return blocks;
  }

  /** Blocks that nobody holds. */
  public synchronized int freeBlocks() {
    return blocks - takenBlocks;
  }

  /**
   * Takes the blocks for {@code tokens} token slots, all or none, zeroed.
   *
   * @return null when there is no room
   */
  public @Nullable KvSequence reserve(int tokens) {
    int wanted = blocksFor(Math.max(1, tokens));
    int[] numbers = new int[wanted];
    boolean[] dirty = new boolean[wanted];
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the KV cache is closed");
      }
      if (wanted > blocks - takenBlocks) {
        return null;
      }
      int next = 0;
      for (int i = 0; i < wanted; i++) {
        next = taken.nextClearBit(next);
        taken.set(next);
        numbers[i] = next;
        dirty[i] = used.get(next);
        used.set(next);
      }
      takenBlocks += wanted;
    }
    // The numeric contract wants masked slots finite: what an earlier sequence (or a hostile peer)
    // left is wiped.
    for (int i = 0; i < wanted; i++) {
      if (dirty[i]) {
        pool.asSlice(numbers[i] * geometry.blockBytes(), geometry.blockBytes()).fill((byte) 0);
      }
    }
    return new KvSequence(this, pool, numbers);
  }

  synchronized void release(int[] numbers) {
    for (int number : numbers) {
      taken.clear(number);
    }
    takenBlocks -= numbers.length;
  }

  /** Gives the memory back. No sequence may be in use. Twice is fine. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
