package dev.baton.journal;

import dev.baton.catalog.Checksum;
import dev.baton.catalog.SetAside;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * The CRC-32C of a journal's files as they were left, in a file of its own: a line for each, and
 * before them one of these lines. Files that are not in it were in use when their process was
 * killed.
 */
final class Seal {
  private static final String NAME = "seal";
  private static final int MAX_BYTES = 64 << 10;

  private final Path file;
  private final Map<String, String> sums;

  private Seal(Path file, Map<String, String> sums) {
    this.file = file;
    this.sums = sums;
  }

  /** An empty one. */
  static Seal of(Path folder) {
    return new Seal(folder.resolve(NAME), new TreeMap<>());
  }

  /** The one that is kept; an empty one where there is none, or a spoiled one. */
  static Seal read(Path folder) {
    Seal seal = of(folder);
    try {
      if (!Files.isRegularFile(seal.file, LinkOption.NOFOLLOW_LINKS)
          || Files.size(seal.file) > MAX_BYTES) {
        return seal;
      }
      byte[] bytes = Files.readAllBytes(seal.file);
      String text = new String(bytes, StandardCharsets.US_ASCII);
      int body = Checksum.LENGTH + 1;
      if (bytes.length < body
          || !text.startsWith(
              Checksum.of(text.substring(body).getBytes(StandardCharsets.US_ASCII)))) {
        return seal;
      }
      for (String line : text.substring(body).lines().toList()) {
        seal.sums.put(line.substring(body), line.substring(0, Checksum.LENGTH));
      }
    } catch (IOException | IndexOutOfBoundsException e) {
      seal.sums.clear();
    }
    return seal;
  }

  /** True where a file's bytes are known. */
  boolean has(String name) {
    return sums.containsKey(name);
  }

  boolean fits(Path named) throws IOException {
    return sum(named).equals(sums.get(named.getFileName().toString()));
  }

  void put(Path named) throws IOException {
    sums.put(named.getFileName().toString(), sum(named));
  }

  void remove(String name) {
    sums.remove(name);
  }

  /** Keeps it; where that is not possible, none is kept. */
  void write() throws IOException {
    StringBuilder body = new StringBuilder();
    sums.forEach((name, sum) -> body.append(sum).append(' ').append(name).append('\n'));
    String text = Checksum.of(body.toString().getBytes(StandardCharsets.US_ASCII)) + "\n" + body;
    Path part = file.resolveSibling(NAME + ".part");
    clear(part);
    clear(file);
    try {
      Files.writeString(part, text, StandardCharsets.US_ASCII);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      Files.deleteIfExists(part);
      Files.deleteIfExists(file);
    }
  }

  /** Puts aside what is in a file's place. */
  private static void clear(Path place) throws IOException {
    if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)
        && !Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
      SetAside.put(place);
    }
  }

  private static String sum(Path named) throws IOException {
    CRC32C crc = new CRC32C();
    try (FileChannel channel =
        FileChannel.open(named, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
      while (channel.read(buffer) >= 0) {
        crc.update(buffer.flip());
        buffer.clear();
      }
    }
    return Checksum.of(crc);
  }
}
