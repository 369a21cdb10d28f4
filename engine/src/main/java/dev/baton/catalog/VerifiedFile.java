package dev.baton.catalog;

import dev.baton.file.WholeFile;
import dev.baton.gguf.CheckedFile;
import dev.baton.gguf.FileStamp;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.Consumer;

/** A file that appears under its name only once its bytes are the right ones. */
final class VerifiedFile {
  private static final int BUFFER_BYTES = 1 << 16;

  private VerifiedFile() {}

  /** Where the bytes of {@code file} are gathered until they are whole. */
  static Path part(Path file) {
    return file.resolveSibling(file.getFileName() + WholeFile.UNFINISHED);
  }

  static boolean hasSize(Path file, long sizeBytes) {
    try {
      return Files.isRegularFile(file) && Files.size(file) == sizeBytes;
    } catch (IOException _) {
      return false;
    }
  }

  static boolean hasSha256(Path file, CatalogModel model) throws IOException {
    return hasSize(file, model.sizeBytes()) && sha256(file).equals(model.sha256());
  }

  /**
   * Whether a file has the model's bytes. They are read once and whenever the system says that
   * something of the file has changed since.
   *
   * @param notes told, one line, where it cannot be kept that they were read
   */
  static boolean isVerified(Path file, CatalogModel model, Consumer<String> notes) {
    if (!hasSize(file, model.sizeBytes())) {
      return false;
    }
    try {
      FileStamp stamp = FileStamp.settled(file);
      if (CheckedFile.was(file, stamp, model.sha256())) {
        return true;
      }
      if (!sha256(file).equals(model.sha256()) || !stamp.equals(FileStamp.of(file))) {
        return false;
      }
      try {
        CheckedFile.keep(file, stamp, model.sha256());
      } catch (IOException e) {
        notes.accept(
            "that "
                + file.getFileName()
                + " has its right bytes cannot be kept ("
                + Reason.of(e)
                + "), so that each start reads them all; mend that");
      }
      return true;
    } catch (IOException _) {
      return false; // bringing it tells why
    }
  }

  /**
   * Renames the gathered part to {@code file} if its bytes are the model's.
   *
   * @throws SourceException if they are not; the part is gone then, because nothing good can be
   *     added to it
   */
  static void commit(CatalogModel model, Path file) throws IOException, SourceException {
    Path part = part(file);
    String found = sha256(part);
    if (!found.equals(model.sha256())) {
      Files.deleteIfExists(part);
      throw new SourceException(
          "gave other bytes than the pinned ones (SHA-256 "
              + found.substring(0, 12)
              + "…, expected "
              + model.sha256().substring(0, 12)
              + "…)");
    }
    WholeFile.publish(part, file);
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
