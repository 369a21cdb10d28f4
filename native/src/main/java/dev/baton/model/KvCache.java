package dev.baton.model;

import dev.baton.arch.ModelException;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.PageMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The paged KV cache of one model: a fixed number of blocks of {@link KvGeometry#BLOCK_TOKENS}
 * token slots, handed out to sequences. The blocks lie in host memory, which is committed as it is
 * first written, or in a device's ({@link #onDevice}).
 *
 * <p>Reserving and releasing may be done from any thread; what a sequence's blocks hold is its
 * owner's business.
 */
public final class KvCache implements AutoCloseable {
  private final KvGeometry geometry;
  private final int blocks;
  private final Arena arena;
  private final @Nullable MemorySegment pool;
  private final BitSet taken;
  private final BitSet used;
  private int step = 1;
  private @Nullable IntConsumer wiper;
  private int takenBlocks;
  private boolean closed;

  /**
   * A cache in host memory.
   *
   * @param blocks how many there are in all
   * @throws ModelException when the system cannot give that much address space
   */
  public KvCache(KvGeometry geometry, int blocks) {
    this(geometry, blocks, true);
  }

  /**
   * A cache whose blocks lie in the memory of a device: here their numbers are handed out, a
   * sequence's one after the other, and {@link KvSequence#slot} says where a token's rows are. The
   * device owns the memory.
   *
   * @param step blocks that attention reads together: a sequence has whole steps of them
   * @param wiper told the number of each block that is to be as if nobody had used it
   */
  public static KvCache onDevice(KvGeometry geometry, int blocks, int step, IntConsumer wiper) {
    KvCache cache = new KvCache(geometry, Math.ceilDiv(blocks, step) * step, false);
    cache.step = step;
    cache.wiper = wiper;
    return cache;
  }

  private KvCache(KvGeometry geometry, int blocks, boolean inHostMemory) {
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
          inHostMemory
              ? PageMemory.reserve(Math.multiplyExact(geometry.blockBytes(), (long) blocks), arena)
              : null;
    } catch (OutOfMemoryError | ArithmeticException e) {
      arena.close();
      throw new ModelException(
          "no room for a KV cache of "
              + (long) blocks * KvGeometry.BLOCK_TOKENS
              + " tokens: the system has no address space for it",
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
    int wanted = Math.ceilDiv(blocksFor(Math.max(1, tokens)), step) * step;
    int[] numbers = new int[wanted];
    boolean[] dirty = new boolean[wanted];
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the KV cache is closed");
      }
      if (wanted > blocks - takenBlocks) {
        return null;
      }
      int next = pool == null ? firstOf(wanted) : 0;
      if (next < 0) {
        return null;
      }
      for (int i = 0; i < wanted; i++) {
        next = taken.nextClearBit(next);
        taken.set(next);
        numbers[i] = next;
        dirty[i] = used.get(next);
        used.set(next);
      }
      takenBlocks += wanted;
    }
    try {
      return wiped(numbers, dirty);
    } catch (RuntimeException | Error e) {
      release(numbers);
      throw e;
    }
  }

  private KvSequence wiped(int[] numbers, boolean[] dirty) {
    // The numeric contract wants masked slots finite: what an earlier sequence (or a hostile peer)
    // left is wiped.
    for (int i = 0; i < numbers.length; i++) {
      if (dirty[i]) {
        wipe(numbers[i]);
      }
    }
    return new KvSequence(this, pool, numbers);
  }

  /** The first of so many free blocks in a row, at the beginning of a step; negative for none. */
  private int firstOf(int wanted) {
    for (int first = 0; first + wanted <= blocks; first += step) {
      int next = taken.nextSetBit(first);
      if (next < 0 || next >= first + wanted) {
        return first;
      }
    }
    return -1;
  }

  private void wipe(int number) {
    if (pool != null) {
      pool.asSlice(number * geometry.blockBytes(), geometry.blockBytes()).fill((byte) 0);
    } else if (wiper != null) {
      wiper.accept(number);
    }
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
