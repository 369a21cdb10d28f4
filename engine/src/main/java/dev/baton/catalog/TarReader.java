package dev.baton.catalog;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * The files of a tar archive, one after the other. Source: the ustar format of POSIX.1-1988, which
 * npm's packages have; longer names than fit it are none of a file that is wanted here.
 */
final class TarReader {
  private static final int BLOCK_BYTES = 512;
  private static final int NAME_BYTES = 100;
  private static final int SIZE_AT = 124;
  private static final int SIZE_DIGITS = 12;
  private static final int TYPE_AT = 156;

  private final InputStream in;
  private long left;
  private long padding;

  /** A plain file of the archive; its bytes follow from {@link #content}. */
  record Entry(String name, long sizeBytes) {}

  TarReader(InputStream in) {
    this.in = in;
  }

  /** The next plain file; what of the last one was not read is passed over. Null at the end. */
  @Nullable Entry next() throws IOException {
    while (true) {
      in.skipNBytes(left + padding);
      byte[] header = in.readNBytes(BLOCK_BYTES);
      if (header.length < BLOCK_BYTES || header[0] == 0) {
        return null;
      }
      left = size(header);
      padding = -left & (BLOCK_BYTES - 1);
      char type = (char) header[TYPE_AT];
      if (type == '0' || type == 0) {
        return new Entry(name(header), left);
      }
    }
  }

  private static String name(byte[] header) {
    int length = 0;
    while (length < NAME_BYTES && header[length] != 0) {
      length++;
    }
    return new String(header, 0, length, UTF_8);
  }

  private static long size(byte[] header) throws IOException {
    String digits = new String(header, SIZE_AT, SIZE_DIGITS, US_ASCII).replace('\0', ' ').strip();
    try {
      long size = Long.parseLong(digits, 8);
      if (size >= 0) {
        return size;
      }
    } catch (NumberFormatException _) {
      // Said below.
    }
    throw new IOException("it is no tar archive");
  }

  /** The bytes of the file at hand, or null behind its end. */
  byte @Nullable [] content(int most) throws IOException {
    byte[] bytes = in.readNBytes((int) Math.min(most, left));
    if (bytes.length == 0 && left > 0) {
      throw new IOException("it ends too early");
    }
    left -= bytes.length;
    return bytes.length == 0 ? null : bytes;
  }
}
