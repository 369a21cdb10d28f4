package dev.baton.cpu;

import dev.baton.cpu.PackedWeights.Origin;
import dev.baton.gguf.CheckedFile;
import dev.baton.gguf.FileStamp;
import dev.baton.gguf.KeptFile;
import dev.baton.kernel.PageMemory;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The file that keeps a model's packed weights: a head of 2 MiB, most of it a hole, then the run of
 * memory as the kernels want it. The head says for what the file was made, down to each matrix, and
 * has a CRC-32C of every 2 MiB.
 *
 * <pre>
 * 0   magic
 * 8   CRC-32C of the head from 12 on
 * 12  bytes of the identity, bytes of the source, chunks: 3 int32
 * 24  identity (text), source (text: the GGUF it was made of), the chunks' CRC-32C
 * </pre>
 *
 * <p><b>Every byte is checked once</b>, by the first start that finds the file, on all processors;
 * later starts go by the {@link CheckedFile} note beside it, and read all bytes again when the
 * system says that anything of the file has changed. What a disk changes by itself later on is not
 * seen, here as little as in the GGUF.
 *
 * <p><b>Mapped where that is as fast, else read.</b> With 4 KiB pages decoding loses 5-10% of the
 * memory's bandwidth. Where the file system keeps the file in huge pages (seen with ext4 on Linux
 * 6.18), which writing by 2 MiB and aligning to that gives it the chance to, a mapping reads as
 * fast as anonymous huge pages, is there at once, and all processes share it. Elsewhere the file is
 * read into huge pages of one's own: 640 MB in 60 ms out of the page cache. The system is asked
 * which it was, each time.
 */
final class WeightFile {
  /** A huge page: the unit of writing and of checksums. */
  static final int CHUNK_BYTES = 2 << 20;

  /** The run begins on a huge page of its own. */
  static final int HEAD_BYTES = CHUNK_BYTES;

  static final long MAGIC = 0x31574b504e544142L; // "BATNPKW1"
  static final int CRC_AT = 8;
  static final int SIZES_AT = 12;
  static final int TEXT_AT = 24;

  private static final String DAMAGED = "its bytes are damaged";

  /** Of the mapping, to be worth more than a copy. */
  private static final double HUGE_SHARE = 0.9;

  /** How to come by the bytes. */
  enum Access {
    /** Mapped where that is on huge pages, else read. */
    BEST,
    MAPPED,
    READ
  }

  /**
   * The bytes of a file, and how they were come by.
   *
   * @param watch looks after the file where it is mapped
   */
  record Contents(MemorySegment run, Origin origin, @Nullable WeightWatch watch) {}

  private record Head(byte[] identity, String source, int[] sums, int crc) {
    /** What the note of the file says of it. */
    String found() {
      return "packed weights " + HexFormat.of().toHexDigits(crc);
    }
  }

  private WeightFile() {}

  /**
   * The checked run of {@code path}.
   *
   * @param identity what the file has to have been made for
   * @param bytes of the run
   * @param arena owns the memory
   * @throws IOException when it cannot be read, or with what is wrong with it as its message
   */
  static Contents open(Path path, byte[] identity, long bytes, Access access, Arena arena)
      throws IOException {
    try (FileChannel channel = openToRead(path)) {
      Head head = head(channel, identity, bytes);
      if (access != Access.READ) {
        Optional<Contents> mapped = map(path, channel, head, bytes, access == Access.BEST, arena);
        if (mapped.isPresent()) {
          return mapped.get();
        }
      }
      FileStamp stamp = FileStamp.settled(path);
      boolean isChecked = CheckedFile.was(path, stamp, head.found());
      MemorySegment run = PageMemory.allocate(bytes, arena);
      eachChunk(
          run,
          (chunk, part) -> {
            readFully(channel, part.asByteBuffer(), HEAD_BYTES + (long) chunk * CHUNK_BYTES);
            if (!isChecked) {
              check(head, chunk, part);
            }
          });
      if (!isChecked) {
        keepChecked(path, stamp, head);
      }
      return new Contents(run, Origin.READ, null);
    }
  }

  /**
   * The checked run of {@code path}, mapped; empty where that is not on huge pages.
   *
   * @throws IOException as {@link #open} does
   */
  static Optional<Contents> openOnHugePages(Path path, byte[] identity, long bytes, Arena arena)
      throws IOException {
    try (FileChannel channel = openToRead(path)) {
      return map(path, channel, head(channel, identity, bytes), bytes, true, arena);
    }
  }

  /**
   * Reads all of {@code path} by position, and keeps nothing of it.
   *
   * @throws IOException as {@link #open} does
   */
  static void check(Path path, byte[] identity, long bytes) throws IOException {
    try (FileChannel channel = openToRead(path)) {
      Head head = head(channel, identity, bytes);
      ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
      for (int i = 0; i < chunks(bytes); i++) {
        long from = (long) i * CHUNK_BYTES;
        chunk.clear().limit((int) Math.min(CHUNK_BYTES, bytes - from));
        readFully(channel, chunk, HEAD_BYTES + from);
        if (KeptFile.crc(chunk) != head.sums()[i]) {
          throw new IOException(DAMAGED);
        }
      }
    }
  }

  private static Optional<Contents> map(
      Path path, FileChannel channel, Head head, long bytes, boolean onHugePagesOnly, Arena arena)
      throws IOException {
    FileStamp stamp = FileStamp.settled(path);
    MemorySegment run =
        channel
            .map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena)
            .asSlice(HEAD_BYTES, bytes);
    PageMemory.populate(run);
    if (onHugePagesOnly && !isOnHugePages(run)) {
      PageMemory.forget(run);
      return Optional.empty();
    }
    if (!CheckedFile.was(path, stamp, head.found())) {
      eachChunk(run, (chunk, part) -> check(head, chunk, part));
      keepChecked(path, stamp, head);
    }
    return Optional.of(
        new Contents(run, Origin.MAPPED, new WeightWatch(path, head.identity(), bytes, stamp)));
  }

  private static void keepChecked(Path path, FileStamp stamp, Head head) {
    try {
      if (stamp.equals(FileStamp.of(path))) {
        CheckedFile.keep(path, stamp, head.found());
      }
    } catch (IOException _) {
      // A folder that is only read from: each start checks all bytes.
    }
  }

  /** A pipe in a file's place would be waited for. */
  private static FileChannel openToRead(Path path) throws IOException {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new IOException("it is no regular file");
    }
    return FileChannel.open(path, StandardOpenOption.READ);
  }

  private static Head head(FileChannel channel, byte[] identity, long bytes) throws IOException {
    Head head = head(channel);
    if (!Arrays.equals(head.identity(), identity)) {
      throw new IOException("it was made for another model or by another version");
    }
    if (channel.size() != HEAD_BYTES + bytes || head.sums().length != chunks(bytes)) {
      throw new IOException("it is cut short");
    }
    return head;
  }

  /** Where the system does not tell there are no huge pages to be had in another way either. */
  private static boolean isOnHugePages(MemorySegment run) {
    OptionalLong huge = PageMemory.hugeFileBytes(run);
    return huge.isEmpty() || huge.getAsLong() >= HUGE_SHARE * run.byteSize();
  }

  private static void check(Head head, int chunk, MemorySegment part) throws IOException {
    if (KeptFile.crc(part.asByteBuffer()) != head.sums()[chunk]) {
      throw new IOException(DAMAGED);
    }
  }

  /** The GGUF that the file was made of, as it was called then. */
  static String source(Path path) throws IOException {
    try (FileChannel channel = openToRead(path)) {
      return head(channel).source();
    }
  }

  private static Head head(FileChannel channel) throws IOException {
    ByteBuffer start = ByteBuffer.allocate(TEXT_AT).order(ByteOrder.LITTLE_ENDIAN);
    readFully(channel, start, 0);
    long identityBytes = start.getInt(SIZES_AT);
    long sourceBytes = start.getInt(SIZES_AT + 4);
    long chunks = start.getInt(SIZES_AT + 8);
    long length = TEXT_AT + identityBytes + sourceBytes + chunks * Integer.BYTES;
    if (start.getLong(0) != MAGIC
        || identityBytes < 0
        || sourceBytes < 0
        || chunks < 0
        || length > HEAD_BYTES) {
      throw new IOException("it holds no packed weights");
    }
    ByteBuffer whole = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    readFully(channel, whole, 0);
    if (KeptFile.crc(whole.slice(SIZES_AT, (int) length - SIZES_AT)) != start.getInt(CRC_AT)) {
      throw new IOException("its head is damaged");
    }
    byte[] identity = new byte[(int) identityBytes];
    byte[] source = new byte[(int) sourceBytes];
    int[] sums = new int[(int) chunks];
    whole.position(TEXT_AT).get(identity).get(source);
    whole.slice().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(sums);
    return new Head(
        identity, new String(source, StandardCharsets.UTF_8), sums, start.getInt(CRC_AT));
  }

  private static void readFully(FileChannel channel, ByteBuffer buffer, long from)
      throws IOException {
    long at = from;
    while (buffer.hasRemaining()) {
      int read = channel.read(buffer, at);
      if (read < 0) {
        throw new EOFException("it is cut short");
      }
      at += read;
    }
    buffer.flip();
  }

  static int chunks(long bytes) {
    return Math.toIntExact(Math.ceilDiv(bytes, CHUNK_BYTES));
  }

  static MemorySegment chunk(MemorySegment run, int chunk) {
    long from = (long) chunk * CHUNK_BYTES;
    return run.asSlice(from, Math.min(CHUNK_BYTES, run.byteSize() - from));
  }

  /** What is done with one chunk. */
  private interface ChunkTask {
    void run(int chunk, MemorySegment part) throws IOException;
  }

  /** Does a task for every chunk, on all processors; none runs any more when this ends. */
  private static void eachChunk(MemorySegment run, ChunkTask task) throws IOException {
    List<IOException> failures =
        IntStream.range(0, chunks(run.byteSize()))
            .parallel()
            .mapToObj(chunk -> failureOf(task, chunk, chunk(run, chunk)))
            .flatMap(Optional::stream)
            .toList();
    if (!failures.isEmpty()) {
      throw failures.getFirst();
    }
  }

  /** As a value: an exception would end the stream while other threads still read the memory. */
  private static Optional<IOException> failureOf(ChunkTask task, int chunk, MemorySegment part) {
    try {
      task.run(chunk, part);
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(e);
    }
  }
}
