package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Brings masks to a device: rows of f16 that say which keys a query sees, 0 for those up to its own
 * position and minus infinity for the rest. Every such row is a piece of one that is prepared, so
 * that rows are copied and never written key by key.
 */
final class GgmlMasks {
  private static final short UNSEEN = (short) 0xfc00; // minus infinity

  /** What is put together at once. */
  private static final long PIECE_BYTES = 1 << 20;

  private final GgmlBackends backends;
  private final long seenBytes;
  private final MemorySegment row; // of the most keys seen, and behind them as many unseen
  private final MemorySegment piece;

  /**
   * @param mostKeys in a row
   * @param arena of the rows that are prepared
   */
  GgmlMasks(GgmlBackends backends, int mostKeys, Arena arena) {
    this.backends = backends;
    this.seenBytes = (long) mostKeys * Short.BYTES;
    this.row = arena.allocate(2 * seenBytes, Long.BYTES);
    fill(row.asSlice(seenBytes));
    this.piece = arena.allocate(Math.max(PIECE_BYTES, seenBytes), Long.BYTES);
  }

  /** By doubling what is there. */
  private static void fill(MemorySegment unseen) {
    unseen.set(JAVA_SHORT, 0, UNSEEN);
    long bytes;
    for (long done = Short.BYTES; done < unseen.byteSize(); done += bytes) {
      bytes = Math.min(done, unseen.byteSize() - done);
      MemorySegment.copy(unseen, 0, unseen, done, bytes);
    }
  }

  /**
   * Sets a mask.
   *
   * @param mask (rows or more, keys)
   * @param firstPosition of the first row's query; the others follow it
   */
  void set(MemorySegment mask, int firstPosition, int rows, int keys) {
    long rowBytes = (long) keys * Short.BYTES;
    if (rows == 1) {
      backends.tensorSet(mask, row.asSlice(offset(firstPosition), rowBytes), 0, rowBytes);
      return;
    }
    int most = Math.toIntExact(piece.byteSize() / rowBytes);
    int count;
    for (int done = 0; done < rows; done += count) {
      count = Math.min(most, rows - done);
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(row, offset(firstPosition + done + i), piece, i * rowBytes, rowBytes);
      }
      backends.tensorSet(mask, piece, done * rowBytes, count * rowBytes);
    }
  }

  /** Where the row of a query begins that sees {@code position} + 1 keys. */
  private long offset(int position) {
    return seenBytes - (position + 1L) * Short.BYTES;
  }
}
