package dev.baton.model;

import dev.baton.arch.ModelException;
import dev.baton.arch.TensorNames;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Dequantizer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The rows of the embedding, read from the file when they are needed: a vocabulary's would be up to
 * a quarter of a small model's memory, and few are ever used. Each is checked by its CRC-32C, so
 * that a file which was changed, cut off or has rotten meanwhile gives a refusal, never other
 * numbers; and read by position, where a mapping would end the process with SIGBUS.
 *
 * <p>Any thread. No allocation.
 */
public final class EmbeddingRows implements AutoCloseable {
  private final Path path;
  private RandomAccessFile file; // a channel would be closed by an interrupted reader
  private final GgmlType type;
  private final long offset;
  private final int dim;
  private final int[] sums;
  private final byte[] bytes; // guarded by this
  private final CRC32C crc = new CRC32C(); // guarded by this
  private final Dequantizer dequantizer = new Dequantizer(); // guarded by this
  private final Arena arena = Arena.ofShared();
  private final MemorySegment row; // guarded by this

  EmbeddingRows(Path path, GgufTensor tensor, int dim, int[] sums) {
    this.path = path;
    this.type = tensor.type();
    this.offset = tensor.offset();
    this.dim = dim;
    this.sums = sums;
    this.bytes = new byte[Math.toIntExact(type.rowBytes(dim))];
    this.row = arena.allocate(bytes.length, 64);
    try {
      this.file = new RandomAccessFile(path.toFile(), "r");
    } catch (IOException e) {
      arena.close();
      throw new ModelException(path + ": cannot be read (" + e.getMessage() + ")", e);
    }
  }

  /**
   * Writes the embeddings of a batch's tokens as floats to {@code out} (tokens, dim).
   *
   * @throws IllegalArgumentException for a token that the vocabulary lacks
   * @throws ModelException when the file does not have such a row any more
   */
  public void read(TokenBatch batch, MemorySegment out) {
    for (int at = 0; at < batch.rows(); at++) {
      int token = batch.token(at);
      if (token < 0 || token >= sums.length) {
        throw new IllegalArgumentException(
            "token " + token + " is outside the vocabulary of " + sums.length);
      }
      read(token, out, at);
    }
  }

  /** Locked for one row only: other passes need not wait for a whole batch. */
  private synchronized void read(int token, MemorySegment out, long at) {
    // A file that was replaced by the same one is to be opened again.
    if (!isRead(token) && !(isOpenedAgain() && isRead(token))) {
      throw new ModelException(
          path
              + ": tensor '"
              + TensorNames.EMBEDDING
              + "' was changed or cut off while this process runs; put the file back or start"
              + " again");
    }
    MemorySegment.copy(bytes, 0, row, ValueLayout.JAVA_BYTE, 0, bytes.length);
    dequantizer.row(type, row, 0, dim, out, at * dim * Float.BYTES);
  }

  /** Whether the right bytes of a row are there now. */
  private boolean isRead(int token) {
    int sum = sums[token];
    try {
      file.seek(offset + (long) token * bytes.length);
      file.readFully(bytes);
    } catch (IOException _) {
      return false;
    }
    crc.reset();
    crc.update(bytes, 0, bytes.length);
    return (int) crc.getValue() == sum;
  }

  private boolean isOpenedAgain() {
    try {
      RandomAccessFile anew = new RandomAccessFile(path.toFile(), "r");
      file.close();
      file = anew;
      return true;
    } catch (IOException _) {
      return false;
    }
  }

  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
      try {
        file.close();
      } catch (IOException _) {
        // It was only read from.
      }
    }
  }
}
