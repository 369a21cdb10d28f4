package dev.baton.journal;

import dev.baton.catalog.Checksum;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A journal's line as it is in its file: 8 hex digits of the CRC-32C of the rest, a blank, the
 * rest. Lines that begin with a brace are of before that.
 */
final class SealedLine {
  private static final int PREFIX_CHARS = Checksum.LENGTH + 1;

  /** How Chronicle marks a text: this, its length in bytes as a stop-bit number, the bytes. */
  private static final int TEXT = 0xb8;

  private static final int WINDOW_BYTES = 1 << 20;

  private SealedLine() {}

  static String seal(String line) {
    return sum(line) + " " + line;
  }

  /** The line, or null where it is spoiled. */
  static @Nullable String unseal(String sealed) {
    if (sealed.startsWith("{")) {
      return sealed;
    }
    if (sealed.length() < PREFIX_CHARS) {
      return null;
    }
    String line = sealed.substring(PREFIX_CHARS);
    return sealed.startsWith(sum(line) + " ") ? line : null;
  }

  private static String sum(String line) {
    return Checksum.of(line.getBytes(StandardCharsets.UTF_8));
  }

  /** What is done with a line. */
  interface Sink {
    void take(String line) throws IOException;
  }

  /** Hands over all lines that are whole, whatever the rest of their file has become. */
  static void rescue(FileChannel file, Sink sink) throws IOException {
    ByteBuffer window = ByteBuffer.allocate(WINDOW_BYTES + JournalQueue.MAX_LINE_BYTES);
    for (long from = 0; from < file.size(); from += WINDOW_BYTES) {
      window.clear();
      for (int read = 0; read >= 0 && window.hasRemaining(); ) {
        read = file.read(window, from + window.position());
      }
      byte[] bytes = Arrays.copyOf(window.array(), window.position());
      for (int at = 0; at < Math.min(WINDOW_BYTES, bytes.length); at++) {
        String line = (bytes[at] & 0xff) == TEXT ? lineAt(bytes, at + 1) : null;
        if (line != null) {
          sink.take(line);
        }
      }
    }
  }

  private static @Nullable String lineAt(byte[] file, int from) {
    int at = from;
    long length = 0;
    for (int shift = 0; at < file.length && shift <= 21; shift += 7) {
      length |= (long) (file[at] & 0x7f) << shift;
      if (file[at++] >= 0) {
        return length > PREFIX_CHARS && length <= file.length - at && isStart(file, at)
            ? unseal(new String(file, at, (int) length, StandardCharsets.UTF_8))
            : null;
      }
    }
    return null;
  }

  private static boolean isStart(byte[] file, int at) {
    return file[at] == '{'
        || (file[at + PREFIX_CHARS - 1] == ' ' && file[at + PREFIX_CHARS] == '{');
  }
}
