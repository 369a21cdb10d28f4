package dev.baton.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A GGUF file, mapped read-only. Opening checks the whole head (metadata and tensor table) against
 * the file's length; tensor data is read from the mapping when it is asked for. A file may hold a
 * vocabulary only, and then no tensors.
 *
 * <p>Immutable; any thread. {@link #close} unmaps the file: segments handed out by {@link #data}
 * must not be in use then, and everything that needs the bytes throws {@link IllegalStateException}
 * afterwards. Do not write to the file while it is open: C code that reads the mapping of a file
 * that is cut off ends the process, which is why it is given what {@link #read} read.
 *
 * <p>Source: the GGUF specification (ggml, {@code docs/gguf.md}), versions 2 and 3, little endian.
 */
public final class GgufFile implements AutoCloseable {
  private static final int FINGERPRINT_HEX_CHARS = 32;
  private static final long FINGERPRINT_PIECE_BYTES = 1 << 16;
  private static final long FINGERPRINT_SAMPLE_BYTES = 4096;

  private final Path path;
  private final FileChannel channel;
  private final Arena arena;
  private final MemorySegment bytes;
  private final GgufParser.Head head;
  private final Map<String, GgufTensor> byName;
  private @Nullable String fingerprint;

  private GgufFile(
      Path path, FileChannel channel, Arena arena, MemorySegment bytes, GgufParser.Head head) {
    this.path = path;
    this.channel = channel;
    this.arena = arena;
    this.bytes = bytes;
    this.head = head;
    this.byName = LinkedHashMap.newLinkedHashMap(head.tensors().size());
    head.tensors().forEach(tensor -> byName.put(tensor.name(), tensor));
  }

  /**
   * Maps {@code path} and reads its head.
   *
   * @throws GgufException if the file cannot be read or is no GGUF file that Baton reads
   */
  public static GgufFile open(Path path) {
    return open(path, metadata -> {});
  }

  /**
   * As {@link #open(Path)}.
   *
   * @param check told the metadata before the tensor table is looked at, so that it can refuse a
   *     kind of file whose tensors would be refused for a lesser reason
   */
  public static GgufFile open(Path path, Consumer<GgufMetadata> check) {
    return map(path, bytes -> GgufParser.parse(path.toString(), bytes, check));
  }

  /**
   * Maps {@code path} and reads its metadata only: it has no tensors then, and those of the file
   * may be missing, cut off or of any type.
   *
   * @throws GgufException if the file cannot be read or its metadata is none that Baton reads
   */
  public static GgufFile openMetadata(Path path) {
    return map(path, bytes -> GgufParser.parseMetadata(path.toString(), bytes));
  }

  @SuppressWarnings("MustBeClosedChecker") // arena and channel go to the file, or are closed here
  private static GgufFile map(Path path, Function<MemorySegment, GgufParser.Head> parser) {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      String what = Files.isDirectory(path) ? "a directory" : "no regular file";
      throw new GgufException(path + ": it is " + what + "; name a .gguf file");
    }
    Arena arena = Arena.ofShared();
    FileChannel channel = null;
    boolean opened = false;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      GgufFile file = new GgufFile(path, channel, arena, bytes, parser.apply(bytes));
      opened = true;
      return file;
    } catch (IOException e) {
      throw new GgufException(path + ": " + reason(e), e);
    } finally {
      if (!opened) {
        arena.close();
        close(channel);
      }
    }
  }

  private static void close(@Nullable FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException _) {
      // It was only read from.
    }
  }

  private static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file; check the path";
      case AccessDeniedException _ -> "not readable; check its permissions";
      default -> "cannot be read (" + e.getMessage() + "); check the disk and the file";
    };
  }

  public Path path() {
    return path;
  }

  /** The GGUF version, 2 or 3. */
  public int version() {
    return head.version();
  }

  public GgufMetadata metadata() {
    return head.metadata();
  }

  /** All tensors, in file order. */
  public List<GgufTensor> tensors() {
    return head.tensors();
  }

  /** The tensor called {@code name}, or empty. */
  public Optional<GgufTensor> find(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /**
   * The tensor called {@code name}.
   *
   * @throws GgufException if the file has none
   */
  public GgufTensor tensor(String name) {
    return find(name)
        .orElseThrow(() -> {
          String hint = byName.isEmpty() ? " (it holds a vocabulary only)" : "";
          return new GgufException(
              path
                  + ": tensor "
                  + GgufException.quoted(name)
                  + " is missing"
                  + hint
                  + "; take a complete model");
        });
  }

  /**
   * The bytes of {@code tensor}, one of {@link #tensors}; read-only and valid until {@link #close}.
   */
  public MemorySegment data(GgufTensor tensor) {
    return open().asSlice(tensor.offset(), tensor.byteSize());
  }

  /**
   * Reads bytes of {@code tensor} by position into {@code to}, which it fills.
   *
   * @param from the first byte, counted from the tensor's own
   * @throws GgufException when they cannot be read, or are gone since the file was opened
   */
  public void read(GgufTensor tensor, long from, MemorySegment to) {
    Objects.checkFromIndexSize(from, to.byteSize(), tensor.byteSize());
    ByteBuffer left = to.asByteBuffer();
    long at = tensor.offset() + from;
    try {
      while (left.hasRemaining()) {
        int read = channel.read(left, at);
        if (read < 0) {
          throw new GgufException(
              path + ": it was cut short while it was read; bring it again, whole");
        }
        at += read;
      }
    } catch (ClosedByInterruptException e) {
      throw new GgufException(path + ": reading it was interrupted", e);
    } catch (ClosedChannelException e) {
      throw new IllegalStateException(path + ": the file is closed; open it again", e);
    } catch (IOException e) {
      throw new GgufException(path + ": " + reason(e), e);
    }
  }

  /**
   * 32 hex digits, to call what belongs to this model by: SHA-256, cut short, over two checksums of
   * each piece of 64 KiB of the head, and of the first and last 4 KiB of every tensor, with where
   * it lies, and the file's length. Cheap on any size; it tells models apart at a glance and does
   * not prove that two files are equal, which {@link GgufIdentity} does. Computed once.
   */
  public synchronized String fingerprint() {
    if (fingerprint == null) {
      fingerprint = sampledDigest();
    }
    return fingerprint;
  }

  private String sampledDigest() {
    Pieces pieces = new Pieces(open());
    for (long offset = 0; offset < head.headBytes(); offset += FINGERPRINT_PIECE_BYTES) {
      pieces.add(offset, Math.min(FINGERPRINT_PIECE_BYTES, head.headBytes() - offset));
    }
    for (GgufTensor tensor : tensors()) {
      long sample = Math.min(tensor.byteSize(), FINGERPRINT_SAMPLE_BYTES);
      pieces.add(tensor.offset(), sample);
      pieces.add(tensor.offset() + tensor.byteSize() - sample, sample);
    }
    return pieces.digest().substring(0, FINGERPRINT_HEX_CHARS);
  }

  /** Both checksums are intrinsics of the interpreter too. */
  private static final class Pieces {
    private final MemorySegment bytes;
    private final StringBuilder text = new StringBuilder();
    private final CRC32 crc = new CRC32();
    private final CRC32C castagnoli = new CRC32C();

    Pieces(MemorySegment bytes) {
      this.bytes = bytes;
      text.append(bytes.byteSize());
    }

    void add(long offset, long length) {
      ByteBuffer piece = bytes.asSlice(offset, length).asByteBuffer();
      crc.reset();
      crc.update(piece.duplicate());
      castagnoli.reset();
      castagnoli.update(piece);
      text.append('\n').append(offset).append(' ').append(length);
      text.append(' ').append(crc.getValue()).append(' ').append(castagnoli.getValue());
    }

    String digest() {
      try {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        return HexFormat.of()
            .formatHex(sha256.digest(text.toString().getBytes(StandardCharsets.US_ASCII)));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java has SHA-256", e);
      }
    }
  }

  private MemorySegment open() {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException(path + ": the file is closed; open it again");
    }
    return bytes;
  }

  /** Unmaps the file. Safe to call twice. */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    close(channel);
  }
}
