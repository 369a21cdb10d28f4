package dev.baton.model;

import dev.baton.file.WholeFile;
import dev.baton.gguf.FileStamp;
import dev.baton.gguf.GgufIdentity;
import dev.baton.gguf.GgufIdentity.Kind;
import dev.baton.gguf.GgufIdentity.Part;
import dev.baton.gguf.GgufIdentity.RowSums;
import dev.baton.gguf.KeptFile;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what was computed of model files' bytes, each under the file's {@link FileStamp}, so that a
 * file is read whole once and not at each start. What is damaged is put aside and computed anew;
 * what cannot be kept costs time at each start, never an answer.
 *
 * <p>Immutable; any thread, any number of processes: a record has its name only once it is whole.
 */
public final class IdentityCache {
  private static final long MAGIC = 0x3249445442544142L; // "BATBTDI2"
  private static final int CRC_AT = Long.BYTES;
  private static final int SUMMED_AT = CRC_AT + Integer.BYTES;
  private static final String SUFFIX = ".identity";

  /**
   * As letters: to make those of bytes takes a JVM that has just started longer than to read them.
   */
  private static final int HASH_CHARS = 64;

  /** Row sums of the largest vocabularies are a few MB. */
  private static final long MOST_BYTES = 64 << 20;

  /** Records that are kept; a file that is gone leaves its own behind. */
  private static final int MOST_RECORDS = 256;

  /** What is still being written after it was left behind by a process that was killed. */
  private static final Duration LEFT_BEHIND = Duration.ofHours(1);

  private final @Nullable Path folder;

  private IdentityCache(@Nullable Path folder) {
    this.folder = folder;
  }

  /** Keeps nothing. */
  public static IdentityCache none() {
    return new IdentityCache(null);
  }

  /** Keeps records in a folder, which is made when first needed. */
  public static IdentityCache in(Path folder) {
    return new IdentityCache(folder);
  }

  /** What is known of a file, where its stamp is still the same. */
  public Optional<GgufIdentity> find(FileStamp stamp) {
    if (folder == null) {
      return Optional.empty();
    }
    Path record = recordOf(folder, stamp);
    try {
      if (!Files.isRegularFile(record)) {
        return Optional.empty(); // a pipe would be waited for
      }
      return read(Files.readAllBytes(record), stamp);
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException _) {
      putAside(record);
      return Optional.empty();
    }
  }

  private static void putAside(Path record) {
    try {
      Files.move(
          record,
          record.resolveSibling(record.getFileName() + KeptFile.BAD),
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException _) {
      // It is overwritten, or read in vain again.
    }
  }

  /**
   * Keeps what was computed of a file.
   *
   * @throws IOException when that cannot be
   */
  void keep(FileStamp stamp, GgufIdentity identity) throws IOException {
    if (folder == null) {
      return;
    }
    Files.createDirectories(folder);
    Path record = recordOf(folder, stamp);
    if (Files.exists(record) && !Files.isRegularFile(record)) {
      putAside(record);
    }
    WholeFile.write(record, encode(stamp, identity));
    removeOldest(folder);
  }

  private static Path recordOf(Path folder, FileStamp stamp) {
    return folder.resolve(
        Long.toHexString(stamp.device()) + "-" + Long.toHexString(stamp.inode()) + SUFFIX);
  }

  private static void removeOldest(Path folder) throws IOException {
    record Kept(Path file, FileTime written) {}
    List<Kept> records = new ArrayList<>();
    FileTime leftBehind = FileTime.from(Instant.now().minus(LEFT_BEHIND));
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        FileTime written = Files.getLastModifiedTime(file);
        if (file.toString().endsWith(SUFFIX)) {
          records.add(new Kept(file, written));
        } else if (file.toString().endsWith(WholeFile.UNFINISHED)
            && written.compareTo(leftBehind) < 0) {
          Files.deleteIfExists(file);
        }
      }
    }
    records.sort(Comparator.comparing(Kept::written));
    for (Kept old : records.subList(0, Math.max(0, records.size() - MOST_RECORDS))) {
      Files.deleteIfExists(old.file());
    }
  }

  // A record: magic, CRC-32C of the rest, stamp, root, parts, row sums; all little endian.

  private static ByteBuffer encode(FileStamp stamp, GgufIdentity identity) {
    List<byte[]> names =
        identity.parts().stream()
            .map(part -> part.name().getBytes(StandardCharsets.UTF_8))
            .toList();
    byte[] tensor = identity.rowSums().tensor().getBytes(StandardCharsets.UTF_8);
    int[] sums = identity.rowSums().sums();
    int bytes = SUMMED_AT + 5 * Long.BYTES + HASH_CHARS + 3 * Integer.BYTES;
    bytes += tensor.length + sums.length * Integer.BYTES;
    for (byte[] name : names) {
      bytes += 1 + Integer.BYTES + name.length + HASH_CHARS;
    }
    ByteBuffer record = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(MAGIC).putInt(0);
    record.putLong(stamp.device()).putLong(stamp.inode()).putLong(stamp.bytes());
    record.putLong(stamp.modifiedNs()).putLong(stamp.changedNs());
    record.put(identity.root().getBytes(StandardCharsets.US_ASCII));
    record.putInt(names.size());
    for (int i = 0; i < names.size(); i++) {
      Part part = identity.parts().get(i);
      record.put(part.kind().code());
      put(record, names.get(i));
      record.put(part.hash().getBytes(StandardCharsets.US_ASCII));
    }
    put(record, tensor);
    record.putInt(sums.length);
    for (int sum : sums) {
      record.putInt(sum);
    }
    record.putInt(CRC_AT, KeptFile.crc(record.slice(SUMMED_AT, record.position() - SUMMED_AT)));
    return record.flip();
  }

  private static void put(ByteBuffer record, byte[] text) {
    record.putInt(text.length).put(text);
  }

  /** Empty where it is of the file as it was once. */
  private static Optional<GgufIdentity> read(byte[] bytes, FileStamp stamp) throws IOException {
    if (bytes.length < SUMMED_AT || bytes.length > MOST_BYTES) {
      throw new IOException("it is no record");
    }
    ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int sum = KeptFile.crc(record.slice(SUMMED_AT, bytes.length - SUMMED_AT));
    if (record.getLong() != MAGIC || record.getInt() != sum) {
      throw new IOException("it is damaged");
    }
    try {
      FileStamp of =
          new FileStamp(
              record.getLong(),
              record.getLong(),
              record.getLong(),
              record.getLong(),
              record.getLong());
      return of.equals(stamp) ? Optional.of(identity(record)) : Optional.empty();
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      throw new IOException("it is cut short", e);
    }
  }

  private static GgufIdentity identity(ByteBuffer record) {
    String root = hash(record);
    int count = record.getInt();
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Kind kind = Kind.of(record.get());
      parts.add(new Part(kind, text(record), hash(record)));
    }
    String tensor = text(record);
    int[] sums = new int[Objects.checkIndex(record.getInt(), 1 + record.remaining() / 4)];
    record.asIntBuffer().get(sums);
    return new GgufIdentity(root, parts, new RowSums(tensor, sums));
  }

  private static String hash(ByteBuffer record) {
    byte[] hash = new byte[HASH_CHARS];
    record.get(hash);
    return new String(hash, StandardCharsets.US_ASCII);
  }

  private static String text(ByteBuffer record) {
    byte[] text = new byte[Objects.checkIndex(record.getInt(), 1 + record.remaining())];
    record.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }
}
