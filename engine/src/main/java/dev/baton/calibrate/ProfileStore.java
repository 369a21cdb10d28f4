package dev.baton.calibrate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Keeps what was measured, a JSON file for each pair of nodes and model, so that it is measured
 * once. A file that cannot be read counts as none: it is measured again and replaced.
 */
public final class ProfileStore {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int NAME_BYTES = 12;

  private final Path folder;

  /**
   * @param folder made when something is first kept
   */
  public ProfileStore(Path folder) {
    this.folder = folder;
  }

  /**
   * What a profile holds for. Anything of it changes, and it has to be measured again.
   *
   * @param modelHash the model file's fingerprint
   * @param here what computes at the decode node: backend, instruction set, threads
   * @param prefillNode how the prefill node is reached
   * @param there what computes there
   * @param numericsVersion the kernels' own version
   */
  public record Key(
      String modelHash, String here, String prefillNode, String there, int numericsVersion) {
    String fileName() {
      try {
        byte[] hash =
            MessageDigest.getInstance("SHA-256")
                .digest(toString().getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(hash, 0, NAME_BYTES) + ".json";
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
    }
  }

  /** The file's form: the key is there for people. */
  private record Kept(Key key, PairProfile profile) {}

  /** What was measured for this key. */
  public Optional<PairProfile> find(Key key) {
    Path file = folder.resolve(key.fileName());
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      Kept kept = MAPPER.readValue(Files.readString(file), Kept.class);
      return kept.key().equals(key) ? Optional.of(kept.profile()) : Optional.empty();
    } catch (IOException | JacksonException e) {
      return Optional.empty();
    }
  }

  /**
   * Keeps a profile in place of an earlier one, all of it or nothing.
   *
   * @throws UncheckedIOException if the folder cannot be written; the message is for people
   */
  public void keep(Key key, PairProfile profile) {
    try {
      write(key, profile);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "what was measured cannot be kept: set BATON_HOME to a folder that can be written", e);
    }
  }

  private void write(Key key, PairProfile profile) throws IOException {
    Files.createDirectories(folder);
    Path fresh = Files.createTempFile(folder, "profile", ".part");
    try {
      Files.writeString(
          fresh,
          MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(new Kept(key, profile)));
      Files.move(
          fresh,
          folder.resolve(key.fileName()),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }
}
