package dev.baton.cpu;

import dev.baton.gguf.KeptFile;
import dev.baton.kernel.PageMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes a {@link WeightFile} while its run is being packed, so that it grows as long as something
 * is done, and what is written need not stay in memory. Used by the thread that packs.
 */
final class WeightWriter implements AutoCloseable {
  /** After so many bytes the disk is waited for: a file that grows is one that is being kept. */
  private static final long FORCED_BYTES = 512L << 20;

  private final MemorySegment run;
  private final boolean forgets;
  private final FileChannel channel;
  private final byte[] source;
  private final int[] sums;
  private int written; // chunks
  private long unforcedBytes;

  /**
   * @param path the file, made or emptied
   * @param source what to tell people that it was made of
   * @param run where the packed bytes will be
   * @param forgets whether to give the run's memory back as it is written
   * @throws IOException when it cannot be written
   */
  WeightWriter(Path path, String source, MemorySegment run, boolean forgets) throws IOException {
    this.run = run;
    this.forgets = forgets;
    this.source = source.getBytes(StandardCharsets.UTF_8);
    this.sums = new int[WeightFile.chunks(run.byteSize())];
    this.channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
  }

  /** Where the packed bytes are to be. */
  MemorySegment run() {
    return run;
  }

  /** Writes what is whole of the run's first {@code packedBytes}. */
  void upTo(long packedBytes) throws IOException {
    while ((written + 1L) * WeightFile.CHUNK_BYTES <= packedBytes) {
      writeNext();
    }
  }

  private void writeNext() throws IOException {
    MemorySegment chunk = WeightFile.chunk(run, written);
    ByteBuffer bytes = chunk.asByteBuffer();
    sums[written] = KeptFile.crc(bytes.duplicate());
    writeFully(bytes, WeightFile.HEAD_BYTES + (long) written * WeightFile.CHUNK_BYTES);
    written++;
    if (forgets) {
      PageMemory.forget(chunk);
    }
    unforcedBytes += chunk.byteSize();
    if (unforcedBytes >= FORCED_BYTES) {
      unforcedBytes = 0;
      channel.force(false);
    }
  }

  /**
   * Writes the rest and the head, and waits until all is on the disk.
   *
   * @param identity for what the file is
   */
  void finish(byte[] identity) throws IOException {
    while (written < sums.length) {
      writeNext();
    }
    long length =
        WeightFile.TEXT_AT + identity.length + source.length + (long) sums.length * Integer.BYTES;
    if (length > WeightFile.HEAD_BYTES) {
      throw new IOException("it has too many matrices");
    }
    ByteBuffer head = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    head.putLong(WeightFile.MAGIC).putInt(0);
    head.putInt(identity.length).putInt(source.length).putInt(sums.length);
    head.put(identity).put(source);
    for (int sum : sums) {
      head.putInt(sum);
    }
    int summed = head.position() - WeightFile.SIZES_AT;
    head.putInt(WeightFile.CRC_AT, KeptFile.crc(head.slice(WeightFile.SIZES_AT, summed)));
    writeFully(head.flip(), 0);
    channel.force(true);
  }

  private void writeFully(ByteBuffer buffer, long from) throws IOException {
    long at = from;
    while (buffer.hasRemaining()) {
      at += channel.write(buffer, at);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
