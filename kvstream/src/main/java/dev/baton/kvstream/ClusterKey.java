package dev.baton.kvstream;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The secret of 32 bytes that all nodes of a cluster share: who has it may order prefills and read
 * the KV. As text it is 64 hex digits. Immutable; any thread. No message of an exception and no
 * {@code toString} shows it.
 */
public final class ClusterKey {
  /** The environment's variable that holds the key's text. */
  public static final String VARIABLE = "BATON_CLUSTER_KEY";

  /** The environment's variable that names the file with the key's text. */
  public static final String FILE_VARIABLE = "BATON_CLUSTER_KEY_FILE";

  /** Both. */
  public static final Set<String> VARIABLES = Set.of(VARIABLE, FILE_VARIABLE);

  /** Bytes of a key. */
  public static final int BYTES = 32;

  private static final int MAX_FILE_BYTES = 1024;
  private static final Set<PosixFilePermission> OWNERS_OWN =
      Set.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  private final byte[] bytes;

  private ClusterKey(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A new key. */
  public static ClusterKey random(SecureRandom random) {
    byte[] bytes = new byte[BYTES];
    random.nextBytes(bytes);
    return new ClusterKey(bytes);
  }

  /**
   * Reads a key's text, 64 hex digits; blanks and line ends around them do not matter.
   *
   * @throws StreamException when the text is none
   */
  public static ClusterKey parse(String text) {
    return parse(text, "the cluster key");
  }

  private static ClusterKey parse(String text, String source) {
    String digits = text.strip();
    if (digits.length() != 2 * BYTES || !digits.chars().allMatch(HexFormat::isHexDigit)) {
      throw new StreamException(
          source
              + " is not 64 hex digits ("
              + digits.length()
              + " characters are there): make one with 'baton key'");
    }
    return new ClusterKey(HexFormat.of().parseHex(digits));
  }

  /**
   * Reads the file that holds a key's text.
   *
   * @throws StreamException when it cannot be read, holds no key, or others than its owner could
   *     read or change it
   */
  public static ClusterKey read(Path file) {
    String source = "the cluster key file " + file;
    if (Files.isDirectory(file)) {
      throw new StreamException(source + " is a folder: name the file in it");
    }
    byte[] content;
    try (InputStream in = Files.newInputStream(file)) {
      requireOwnersOwn(file, source);
      content = in.readNBytes(MAX_FILE_BYTES);
    } catch (NoSuchFileException e) {
      throw new StreamException(
          source + " does not exist: make it with 'baton key --out " + file + "'", e);
    } catch (AccessDeniedException e) {
      throw new StreamException(
          source + " belongs to another user: give this one a copy of its own", e);
    } catch (IOException e) {
      throw new StreamException("cannot read " + source + ": " + e.getMessage(), e);
    }
    return parse(new String(content, UTF_8), source);
  }

  private static void requireOwnersOwn(Path file, String source) throws IOException {
    if (file.getFileSystem().supportedFileAttributeViews().contains("posix")
        && !OWNERS_OWN.containsAll(Files.getPosixFilePermissions(file))) {
      throw new StreamException(
          source + " is open to others than its owner: run chmod 600 " + file);
    }
  }

  /**
   * The key that the environment holds in {@value #VARIABLE} or names the file of in {@value
   * #FILE_VARIABLE}; none where both are missing or empty.
   *
   * @throws StreamException when both are there, or what is there gives no key
   */
  public static Optional<ClusterKey> fromEnvironment(Map<String, String> environment) {
    String text = environment.getOrDefault(VARIABLE, "");
    String file = environment.getOrDefault(FILE_VARIABLE, "");
    if (!text.isEmpty() && !file.isEmpty()) {
      throw new StreamException(
          "both " + VARIABLE + " and " + FILE_VARIABLE + " are set: unset one of them");
    }
    if (!file.isEmpty()) {
      return Optional.of(read(Path.of(file)));
    }
    return text.isEmpty() ? Optional.empty() : Optional.of(parse(text, VARIABLE));
  }

  /** The key as 64 hex digits, for its file: never for a log. */
  public String text() {
    return HexFormat.of().formatHex(bytes);
  }

  /** A copy of the 32 bytes. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** Takes the same time wherever the keys differ. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ClusterKey that && MessageDigest.isEqual(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return "ClusterKey[not shown]";
  }
}
