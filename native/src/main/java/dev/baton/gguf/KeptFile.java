package dev.baton.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.util.zip.CRC32C;

/** What all files that are kept of models have in common. Stateless; any thread. */
public final class KeptFile {
  /** Ends the name of a file that was found damaged, or stood in the way. */
  public static final String BAD = ".bad";

  private KeptFile() {}

  /** The CRC-32C of what is left of {@code bytes}. */
  public static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  /** What went wrong with a file, for a line to the user. */
  public static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException denied -> denied.getFile() + ": permission denied";
      case FileSystemException named when named.getReason() != null ->
          named.getFile() + ": " + named.getReason();
      case FileSystemException named -> named.getFile() + ": " + named.getClass().getSimpleName();
      default -> String.valueOf(e.getMessage());
    };
  }
}
