package dev.baton.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that is there whole or not at all, whatever ends the process that writes it: its bytes are
 * gathered beside it and on the disk before they have its name. Any thread, any number of
 * processes; the last one wins.
 */
public final class WholeFile {
  /** Ends the name of a file that is being written. */
  public static final String UNFINISHED = ".part";

  private WholeFile() {}

  /**
   * Writes {@code text} to {@code file}, in place of what was there.
   *
   * @throws IOException when that cannot be; then what was there still is
   */
  public static void write(Path file, String text) throws IOException {
    write(file, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Writes what is left of {@code bytes} to {@code file}, in place of what was there.
   *
   * @throws IOException when that cannot be; then what was there still is
   */
  public static void write(Path file, ByteBuffer bytes) throws IOException {
    Path part =
        file.resolveSibling(
            file.getFileName()
                + "."
                + ProcessHandle.current().pid()
                + "-"
                + System.nanoTime()
                + UNFINISHED);
    try {
      try (FileChannel channel =
          FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
      }
      publish(part, file);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /**
   * Gives a file that was written its name, in place of what was there, once it is on the disk.
   *
   * @param part in the same folder
   */
  public static void publish(Path part, Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
