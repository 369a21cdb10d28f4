package dev.baton.kv;

import dev.baton.arch.ModelException;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.PageMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The KV of one model: a fixed number of blocks of {@link KvGeometry#BLOCK_TOKENS} token slots,
 * which sequences take as their tokens come, and share. The blocks lie in host memory, which is
 * committed as it is first written, or in a device's ({@link #onDevice}).
 *
 * <p>Nothing is wiped: a slot that was not written yet holds whatever its block's last owner left,
 * and no kernel lets it count. Only a device may have to renew a block.
 *
 * <p>Any thread: one lock guards who has which block, and is never held while memory is written.
 * What blocks hold is their sequences' business.
 */
public final class KvPool implements AutoCloseable {
  /** On a device: blocks that are freed together where a sequence has to begin a run of them. */
  private static final int RUN_BLOCKS = 8;

  private final KvGeometry geometry;
  private final Arena arena;
  private final @Nullable MemorySegment memory;
  private final @Nullable DeviceBlocks device;
  private final KvBlock[] blocks;
  private final BitSet taken;
  private final BlockPlacement placement;
  private final PrefixIndex prefixes;
  private int takenBlocks;
  private boolean closed;

  /**
   * A pool in host memory.
   *
   * @param blocks how many there are in all
   * @throws ModelException when the system cannot give that much address space
   */
  public KvPool(KvGeometry geometry, int blocks) {
    this(geometry, blocks, null);
  }

  /**
   * A pool whose blocks lie in the memory of a device: here their numbers are handed out, those of
   * a sequence one after the other as far as that can be, and {@link KvSequence#slot} says where a
   * token's rows are. What its sequences hold is {@link Origin#TOLERANT}.
   */
  public static KvPool onDevice(KvGeometry geometry, int blocks, DeviceBlocks device) {
    return new KvPool(geometry, blocks, device);
  }

  private KvPool(KvGeometry geometry, int count, @Nullable DeviceBlocks device) {
    if (count < 1) {
      throw new IllegalArgumentException("a KV pool needs at least one block, got " + count);
    }
    this.geometry = geometry;
    this.device = device;
    this.taken = new BitSet(count);
    this.placement = new BlockPlacement(taken, count, device != null);
    this.arena = Arena.ofShared();
    try {
      this.memory =
          device == null
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

  /**
   * A sequence without blocks, to be {@link KvSequence#grow grown} as its tokens come.
   *
   * @param maxTokens the longest that it may become
   */
  public KvSequence open(int maxTokens) {
    BlockTable table = new BlockTable(blocksFor(Math.max(1, maxTokens)));
    KvSequence sequence = new KvSequence(this, memory, table);
    synchronized (this) {
      requireOpen();
      placement.opened(table);
    }
    if (device != null) {
      sequence.mark(Origin.TOLERANT);
    }
    return sequence;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the KV pool is closed");
    }
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

  /** Takes blocks until the table has {@code wanted}, all or none. */
  boolean grow(BlockTable table, int wanted) {
    int held;
    synchronized (this) {
      requireOpen();
      held = table.length();
      if (wanted <= held) {
        return true;
      }
      if (!makeRun(table, wanted) && !makeRoom(wanted - held)) {
        return false;
      }
      while (table.length() < wanted) {
        table.append(take(placement.choose(table, table.length())));
      }
    }
    if (device != null) {
      for (int i = held; i < wanted; i++) {
        device.renew(table.get(i));
      }
    }
    return true;
  }

  /**
   * Has the index give up more than what is wanted, where a sequence would else have to begin a new
   * run of blocks again and again.
   */
  private boolean makeRun(BlockTable table, int wanted) {
    int held = table.length();
    int run = Math.min(table.capacity() - held, Math.max(wanted - held, RUN_BLOCKS));
    return placement.breaksOff(table, held) && makeRoom(run);
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

  private int take(int number) {
    taken.set(number);
    takenBlocks++;
    blocks[number].references = 1;
    return number;
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

  /** The table's sequence takes no more blocks. Locked. */
  void ended(BlockTable table) {
    placement.closed(table);
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
      own = take(placement.choose(table, index));
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
    if (device != null) {
      device.copy(from, to);
    } else if (memory != null) {
      long bytes = geometry.blockBytes();
      MemorySegment.copy(memory, from * bytes, memory, to * bytes, bytes);
    }
  }

  /** For tests: how many have a block. */
  synchronized int references(int number) {
    return blocks[number].references;
  }

  /** For tests: sequences that are open, on a device. */
  synchronized int openSequences() {
    return placement.open();
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
