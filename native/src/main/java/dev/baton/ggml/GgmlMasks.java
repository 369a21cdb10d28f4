package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.baton.ggml.GgmlReads.Stretch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Brings masks to a device: rows of f16 that say which keys a query sees, 0 for those of its
 * sequence up to its own position and minus infinity for the rest. Every such row is a piece of one
 * that is prepared, so that rows are copied and never written key by key.
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
   * @param keys whose they are, in their order
   */
  void set(MemorySegment mask, int firstPosition, int rows, List<Stretch> keys) {
    if (rows == 1 && keys.size() == 1) {
      Stretch all = keys.getFirst();
      backends.tensorSet(mask, row.asSlice(offset(all, firstPosition)), 0, bytes(all));
      return;
    }
    long rowBytes = 0;
    for (Stretch stretch : keys) {
      rowBytes += bytes(stretch);
    }
    int most = Math.toIntExact(piece.byteSize() / rowBytes);
    int count;
    for (int done = 0; done < rows; done += count) {
      count = Math.min(most, rows - done);
      for (int i = 0; i < count; i++) {
        long at = i * rowBytes;
        for (Stretch stretch : keys) {
          long from = offset(stretch, firstPosition + done + i);
          MemorySegment.copy(row, from, piece, at, bytes(stretch));
          at += bytes(stretch);
        }
      }
      backends.tensorSet(mask, piece, done * rowBytes, count * rowBytes);
    }
  }

  private static long bytes(Stretch stretch) {
    return (long) stretch.keys() * Short.BYTES;
  }

  /** Where the row of a stretch begins of which a query at {@code position} sees its part. */
  private long offset(Stretch stretch, int position) {
    long seen = Math.clamp(position + 1L - stretch.firstToken(), 0, stretch.keys());
    return seenBytes - seen * Short.BYTES;
  }
}
