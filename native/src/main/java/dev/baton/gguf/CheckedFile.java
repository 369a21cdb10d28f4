package dev.baton.gguf;

import dev.baton.file.WholeFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * A note beside a file that says what its bytes were found to be when they were read last. It
 * stands as long as the file's {@link FileStamp} does, so that a large file is read whole once and
 * not at each start. A note that is damaged or missing is none. Any thread, any number of
 * processes.
 */
public final class CheckedFile {
  private static final String SUFFIX = ".checked";

  private CheckedFile() {}

  /** Where the note of {@code file} is. */
  public static Path noteOf(Path file) {
    return file.resolveSibling(file.getFileName() + SUFFIX);
  }

  /**
   * Whether {@code file} was found to be {@code found} and nobody has touched it since.
   *
   * @param stamp of the file, seen before anything is read of it
   */
  public static boolean was(Path file, FileStamp stamp, String found) {
    try {
      Path note = noteOf(file);
      return Files.isRegularFile(note) && Files.readString(note).equals(line(stamp, found));
    } catch (IOException _) {
      return false; // none, or a damaged one, which is as good
    }
  }

  /**
   * Keeps that all of {@code file} was read and is {@code found}.
   *
   * @param stamp of the file, {@linkplain FileStamp#settled settled} and seen before it was read
   * @param found what its bytes were found to be, such as their hash; one line
   * @throws IOException when that cannot be; then the file is read again next time
   */
  public static void keep(Path file, FileStamp stamp, String found) throws IOException {
    WholeFile.write(noteOf(file), line(stamp, found));
  }

  private static String line(FileStamp stamp, String found) {
    String line = found + " " + stamp;
    int crc = KeptFile.crc(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
    return line + " " + HexFormat.of().toHexDigits(crc) + "\n";
  }
}
