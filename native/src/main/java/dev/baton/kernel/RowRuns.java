package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a ragged batch as the kernels see them: runs of rows, one behind the other, each of
 * tokens of one sequence at following positions. A chunk of a prompt is one run, a decode step a
 * run of one row for each sequence. All sequences have their KV in one pool. No two runs may have
 * the same position of one sequence.
 *
 * <p>A run's blocks are checked and copied as it is added, so what kernels follow cannot change
 * under them. Reused: {@link #clear} and {@link #add} allocate nothing once warm. One thread at a
 * time, the kernels' calls included: they number their work in this memory.
 */
public final class RowRuns {
  // struct bt_runs of baton.h
  private static final long COUNT = 0;
  private static final long ROWS = 8;
  private static final long TURNS = 16;
  private static final long RUNS = 24;

  // struct bt_run, and the bytes of a struct bt_turn
  private static final long BLOCK_TABLE = 0;
  private static final long FIRST_ROW = 8;
  private static final long TOKENS = 16;
  private static final long FIRST_POSITION = 24;
  private static final long RUN_BYTES = 32;
  private static final long TURN_BYTES = 16;

  private final Arena arena;
  private final MemorySegment struct;
  private final @Nullable KvView[] views;
  private MemorySegment blocks; // int32, block tables one behind the other
  private int usedBlocks; // of these
  private int count;
  private int rows;
  private int endPosition;

  /**
   * @param maxRuns runs there is room for
   * @param arena owns the memory
   */
  public RowRuns(int maxRuns, Arena arena) {
    if (maxRuns < 1) {
      throw new IllegalArgumentException("no room for " + maxRuns + " runs of rows");
    }
    this.arena = arena;
    this.views = new KvView[maxRuns];
    long turns = RUNS + maxRuns * RUN_BYTES;
    this.struct = arena.allocate(turns + (maxRuns + 1L) * TURN_BYTES, 64);
    struct.set(ValueLayout.JAVA_LONG, TURNS, struct.address() + turns);
    this.blocks = arena.allocate((long) maxRuns * Integer.BYTES, 64);
  }

  /** Empties the batch and lets go of the sequences. */
  public RowRuns clear() {
    Arrays.fill(views, 0, count, null);
    count = 0;
    rows = 0;
    usedBlocks = 0;
    endPosition = 0;
    writeSize();
    return this;
  }

  private void writeSize() {
    struct.set(ValueLayout.JAVA_LONG, COUNT, count);
    struct.set(ValueLayout.JAVA_LONG, ROWS, rows);
  }

  /**
   * Adds rows [firstRow, firstRow + tokens): tokens of a sequence at positions from {@code
   * firstPosition} on. No tokens are no run.
   *
   * @param firstRow the row behind the last run's, or of the first run any
   * @throws IllegalArgumentException when there is no room, or the sequence has its KV elsewhere
   * @throws IndexOutOfBoundsException when the sequence or the pool has no such block
   */
  public RowRuns add(KvView kv, int firstRow, int tokens, int firstPosition) {
    if (tokens < 0 || firstRow < 0 || firstRow > Integer.MAX_VALUE - tokens) {
      throw new IndexOutOfBoundsException("rows " + firstRow + " + " + tokens + " of a batch");
    }
    if (firstPosition < 0 || firstPosition > Integer.MAX_VALUE - tokens) {
      throw new IndexOutOfBoundsException("positions " + firstPosition + " + " + tokens);
    }
    if (tokens == 0) {
      return this;
    }
    checkFits(kv, firstRow);
    int end = firstPosition + tokens;
    int needed = Math.ceilDiv(end, KvGeometry.BLOCK_TOKENS);
    makeRoom(needed);
    copyBlocks(kv, needed);
    long table = blocks.address() + (long) usedBlocks * Integer.BYTES;
    long at = RUNS + count * RUN_BYTES;
    struct.set(ValueLayout.JAVA_LONG, at + BLOCK_TABLE, table);
    struct.set(ValueLayout.JAVA_LONG, at + FIRST_ROW, firstRow);
    struct.set(ValueLayout.JAVA_LONG, at + TOKENS, tokens);
    struct.set(ValueLayout.JAVA_LONG, at + FIRST_POSITION, firstPosition);
    views[count++] = kv;
    rows += tokens;
    usedBlocks += needed;
    endPosition = Math.max(endPosition, end);
    writeSize();
    return this;
  }

  private void checkFits(KvView kv, int firstRow) {
    if (count == views.length) {
      throw new IllegalArgumentException("there is no room for more than " + count + " runs");
    }
    if (count == 0) {
      return;
    }
    if (firstRow != endRow()) {
      throw new IllegalArgumentException(
          "a run that begins at row " + firstRow + " behind one that ends at row " + endRow());
    }
    KvView other = view(0);
    if (!kv.geometry().equals(other.geometry()) || !kv.pool().equals(other.pool())) {
      throw new IllegalArgumentException("the sequences of a batch have their KV in two pools");
    }
  }

  /** Room for so many more blocks; those of the runs before stay where they are. */
  private void makeRoom(int needed) {
    long bytes = (long) needed * Integer.BYTES;
    if (bytes > blocks.byteSize() - (long) usedBlocks * Integer.BYTES) {
      blocks = arena.allocate(Math.max(bytes, 2 * blocks.byteSize()), 64);
      usedBlocks = 0;
    }
  }

  private void copyBlocks(KvView kv, int needed) {
    long inPool = kv.pool().byteSize() / kv.geometry().blockBytes();
    for (int i = 0; i < needed; i++) {
      int block = kv.blockTable().getAtIndex(ValueLayout.JAVA_INT, i);
      Objects.checkIndex((long) block, inPool);
      blocks.setAtIndex(ValueLayout.JAVA_INT, usedBlocks + (long) i, block);
    }
  }

  /** How many runs there are. */
  public int count() {
    return count;
  }

  /** Rows of all runs. */
  public int rows() {
    return rows;
  }

  /** The first run's first row; 0 where there is none. */
  public int firstRow() {
    return count == 0 ? 0 : firstRow(0);
  }

  /** The row behind the last. */
  private int endRow() {
    return firstRow() + rows;
  }

  /** The position behind the greatest. */
  int endPosition() {
    return endPosition;
  }

  /** The run's sequence. */
  KvView view(int run) {
    return Objects.requireNonNull(views[Objects.checkIndex(run, count)]);
  }

  int firstRow(int run) {
    return number(run, FIRST_ROW);
  }

  int tokens(int run) {
    return number(run, TOKENS);
  }

  /** The position of the run's first token. */
  public int firstPosition(int run) {
    return number(run, FIRST_POSITION);
  }

  private int number(int run, long field) {
    long at = RUNS + Objects.checkIndex(run, count) * RUN_BYTES + field;
    return (int) struct.get(ValueLayout.JAVA_LONG, at);
  }

  /** The same for C; the block tables lie in memory of the same arena. */
  MemorySegment struct() {
    return struct;
  }
}
