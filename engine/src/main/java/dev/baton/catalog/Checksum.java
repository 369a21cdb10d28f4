package dev.baton.catalog;

import java.util.HexFormat;
import java.util.zip.CRC32C;

/** The CRC-32C of what is kept, as 8 hex digits: tells what a disk has changed. */
public final class Checksum {
  /** Characters of a checksum. */
  public static final int LENGTH = 8;

  private Checksum() {}

  public static String of(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return of(crc);
  }

  /** Of all that was put into {@code crc}. */
  public static String of(CRC32C crc) {
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }
}
