package dev.baton.kv;

import dev.baton.arch.ModelException;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.PageMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The KV of one model: a fixed number of blocks of {@link KvGeometry#BLOCK_TOKENS} token slots,
 * which sequences take as their tokens come, and share. The blocks lie in host memory, which is
 * committed as it is first written, or in a device's ({@link #onDevice}).
 *
 * <p>In host memory nothing is wiped: a slot that was not written yet holds whatever its block's
 * last owner left, and no kernel looks at it.
 *
 * <p>Any thread: one lock guards who has which block, and is never held while memory is copied or
 * wiped. What blocks hold is their sequences' business.
 */
public final class KvPool implements AutoCloseable {
  private final KvGeometry geometry;
  private final Arena arena;
  private final @Nullable MemorySegment memory;
  private final KvBlock[] blocks;
  private final BitSet taken;
  private final PrefixIndex prefixes;
  private int step = 1;
  private @Nullable IntConsumer wiper;
  private int takenBlocks;
  private boolean closed;

  /**
   * A pool in host memory.
   *
   * @param blocks how many there are in all
   * @throws ModelException when the system cannot give that much address space
   */
  public KvPool(KvGeometry geometry, int blocks) {
    this(geometry, blocks, true);
  }

  /**
   * A pool whose blocks lie in the memory of a device: here their numbers are handed out, a
   * sequence's one after the other and all at once, and {@link KvSequence#slot} says where a
   * token's rows are. The device owns the memory. Blocks cannot be shared.
   *
   * @param step blocks that attention reads together: a sequence has whole steps of them
   * @param wiper told the number of each block that is to be as if nobody had used it
   */
  public static KvPool onDevice(KvGeometry geometry, int blocks, int step, IntConsumer wiper) {
    KvPool pool = new KvPool(geometry, Math.ceilDiv(blocks, step) * step, false);
    pool.step = step;
    pool.wiper = wiper;
    return pool;
  }

  private KvPool(KvGeometry geometry, int count, boolean inHostMemory) {
    if (count < 1) {
      throw new IllegalArgumentException("a KV pool needs at least one block, got " + count);
    }
    this.geometry = geometry;
    this.taken = new BitSet(count);
    this.arena = Arena.ofShared();
    try {
      this.memory =
          inHostMemory
              ? PageMemory.reserve(Math.multiplyExact(geometry.blockBytes(), (long) count), arena)
              : null;
    } catch (OutOfMemoryError | ArithmeticException e) {
      arena.close();
      throw new ModelException(
          "no room for a KV cache of "
              + (long) count * KvGeometry.BLOCK_TOKENS
              + " tokens: the system has no address space for it",
          e);
    }
    this.blocks = new KvBlock[count];
    Arrays.setAll(blocks, KvBlock::new);
    this.prefixes = new PrefixIndex(this);
  }

  /** Blocks that hold {@code tokens} token slots. */
  public static int blocksFor(int tokens) {
    return Math.ceilDivExact(tokens, KvGeometry.BLOCK_TOKENS);
  }

  public KvGeometry geometry() {
    return geometry;
  }

  public int totalBlocks() {
    return blocks.length;
  }

  /** Blocks that a sequence could have now: nobody has them, or only the index of prefixes. */
  public synchronized int freeBlocks() {
    return blocks.length - takenBlocks + prefixes.idleBlocks();
  }

  /** The blocks of prompts' beginnings; empty until somebody publishes some. */
  public PrefixIndex prefixes() {
    return prefixes;
  }

  /** True where sequences can have the same blocks: in host memory. */
  public boolean canShare() {
    return memory != null;
  }

  /**
   * A sequence without blocks, to be {@link KvSequence#grow grown} as its tokens come.
   *
   * @param maxTokens the longest that it may become
   */
  public KvSequence open(int maxTokens) {
    int room = blocksFor(Math.max(1, maxTokens));
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the KV pool is closed");
      }
    }
    return new KvSequence(this, memory, new BlockTable(Math.ceilDiv(room, step) * step));
  }

  /**
   * A sequence that has the blocks for {@code tokens} token slots, and room for no more.
   *
   * @return null when there are too few
   */
  public @Nullable KvSequence reserve(int tokens) {
    KvSequence sequence = open(tokens);
    return sequence.growOrClose(tokens) ? sequence : null;
  }

  /**
   * Takes blocks until the table has {@code wanted}, all or none. On a device those that the table
   * has room for, so that they follow each other.
   */
  boolean grow(BlockTable table, int wanted) {
    int held;
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the KV pool is closed");
      }
      held = table.length();
      int missing = (memory == null ? table.capacity() : wanted) - held;
      if (wanted <= held) {
        return true;
      }
      int next = makeRoom(missing) ? firstFree(missing) : -1;
      if (next < 0) {
        return false;
      }
      for (int i = 0; i < missing; i++) {
        next = taken.nextClearBit(next);
        table.append(take(next));
      }
    }
    if (wiper != null) {
      wipe(table, held);
    }
    return true;
  }

  /** Has the index give up blocks until so many are free, where it has enough of them. */
  private boolean makeRoom(int wanted) {
    int missing = wanted - (blocks.length - takenBlocks);
    if (missing > prefixes.idleBlocks()) {
      return false;
    }
    for (int i = 0; i < missing; i++) {
      prefixes.evict();
    }
    return true;
  }

  /** Where to look for so many free blocks; negative for none in a row on a device. */
  private int firstFree(int wanted) {
    if (memory != null) {
      return 0;
    }
    for (int first = 0; first + wanted <= blocks.length; first += step) {
      int next = taken.nextSetBit(first);
      if (next < 0 || next >= first + wanted) {
        return first;
      }
    }
    return -1;
  }

  private int take(int number) {
    taken.set(number);
    takenBlocks++;
    blocks[number].references = 1;
    return number;
  }

  private void wipe(BlockTable table, int from) {
    for (int i = from; i < table.length(); i++) {
      KvBlock block = blocks[table.get(i)];
      if (block.isUsed && wiper != null) {
        wiper.accept(block.number);
      }
      block.isUsed = true;
    }
  }

  /** The block of that number. Locked. */
  KvBlock block(int number) {
    return blocks[number];
  }

  /** Another has the block as well. Locked. */
  void hold(KvBlock block) {
    block.references++;
    prefixes.settle(block);
  }

  /** One less has the block. Locked. */
  void letGo(KvBlock block) {
    block.references--;
    if (block.references == 0) {
      taken.clear(block.number);
      takenBlocks--;
    } else {
      prefixes.settle(block);
    }
  }

  /** True when one of the blocks [from, to) of the table is not its sequence's alone. Locked. */
  boolean hasShared(BlockTable table, int from, int to) {
    for (int i = from; i < to; i++) {
      if (blocks[table.get(i)].references > 1) {
        return true;
      }
    }
    return false;
  }

  /**
   * Gives the table a block of its own at {@code index}, with the same content.
   *
   * @return false when none is free
   */
  boolean unshare(BlockTable table, int index) {
    int shared;
    int own;
    synchronized (this) {
      shared = table.get(index);
      if (blocks[shared].references == 1) {
        return true;
      }
      if (!makeRoom(1)) {
        return false;
      }
      own = take(taken.nextClearBit(0));
    }
    // Nobody writes to a block that several have, and this table has it until the copy is whole.
    copy(shared, own);
    synchronized (this) {
      table.set(index, own);
      letGo(blocks[shared]);
    }
    return true;
  }

  private void copy(int from, int to) {
    if (memory == null) {
      throw new IllegalStateException("blocks of a device are not shared");
    }
    long bytes = geometry.blockBytes();
    MemorySegment.copy(memory, from * bytes, memory, to * bytes, bytes);
  }

  /** For tests: how many have a block. */
  synchronized int references(int number) {
    return blocks[number].references;
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
