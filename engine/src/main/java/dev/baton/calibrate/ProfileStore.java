package dev.baton.calibrate;

import static com.fasterxml.jackson.annotation.JsonInclude.Include.NON_NULL;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.baton.catalog.Checksum;
import dev.baton.catalog.SetAside;
import dev.baton.plan.SpeedProfile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Keeps what was measured, a JSON file for each pair of nodes and model, so that it is measured
 * once. A file that is not as it was written is put aside and counts as none: it is measured again.
 * Any thread.
 */
public final class ProfileStore {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int NAME_BYTES = 12;
  private static final int MAX_FILE_BYTES = 1 << 20;
  private static final int PROBE_BYTES = 16 << 10;
  private static final String PART = ".part";

  private final Path folder;
  private final List<String> notices = new CopyOnWriteArrayList<>();

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

  /**
   * What is known for a key.
   *
   * @param profile of both nodes and their link, if they were measured
   * @param here this node's, if only that was measured
   * @param inVain when measuring was last waited for in vain, or failed
   */
  public record Known(
      Key key,
      @Nullable PairProfile profile,
      @Nullable SpeedProfile here,
      @Nullable Instant inVain) {}

  /**
   * The file's form: the key is there for people.
   *
   * @param sum CRC-32C of the same without it
   */
  private record Kept(
      @Nullable Key key,
      @Nullable PairProfile profile,
      @JsonInclude(NON_NULL) @Nullable SpeedProfile here,
      @JsonInclude(NON_NULL) @Nullable Instant inVain,
      @JsonInclude(NON_NULL) @Nullable String sum) {
    static Kept of(Known known) {
      return unsummed(known.key, known.profile, known.here, known.inVain).summed();
    }

    private static Kept unsummed(
        @Nullable Key key,
        @Nullable PairProfile profile,
        @Nullable SpeedProfile here,
        @Nullable Instant inVain) {
      return new Kept(key, profile, here, inVain, null);
    }

    private Kept summed() {
      String own = Checksum.of(MAPPER.writeValueAsBytes(this));
      return new Kept(key, profile, here, inVain, own);
    }

    boolean isWhole() {
      return key != null && equals(unsummed(key, profile, here, inVain).summed());
    }
  }

  /** What was put aside, or could not be kept, a line each. */
  public List<String> notices() {
    return List.copyOf(notices);
  }

  /** What is known for this key; nothing of it where nothing is kept. */
  public Known read(Key key) {
    Known nothing = new Known(key, null, null, null);
    Path file = folder.resolve(key.fileName());
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return nothing;
    }
    Kept kept = read(file);
    if (kept == null || !kept.isWhole()) {
      putAside(file);
      return nothing;
    }
    return key.equals(kept.key) ? new Known(key, kept.profile, kept.here, kept.inVain) : nothing;
  }

  /** The profile that was kept for this key. */
  public Optional<PairProfile> find(Key key) {
    return Optional.ofNullable(read(key).profile);
  }

  private static @Nullable Kept read(Path file) {
    try {
      return Files.isRegularFile(file) && Files.size(file) <= MAX_FILE_BYTES
          ? MAPPER.readValue(Files.readString(file), Kept.class)
          : null;
    } catch (IOException | JacksonException _) {
      return null;
    }
  }

  private void putAside(Path file) {
    String what = "what was measured, in " + file + ", is not as it was written, and is not used";
    try {
      notices.add(what + "; it is called " + SetAside.put(file).getFileName() + " now");
    } catch (IOException _) {
      notices.add(what);
    }
  }

  /**
   * Makes sure that something can be kept.
   *
   * @throws UncheckedIOException if the folder cannot be written; the message is for people
   */
  public void requireRoom() {
    try {
      Files.createDirectories(folder);
      Path probe = Files.createTempFile(folder, "profile", PART);
      try {
        Files.write(probe, new byte[PROBE_BYTES]);
      } finally {
        Files.deleteIfExists(probe);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(notKept(e), e);
    }
  }

  /**
   * Keeps a profile in place of an earlier one, all of it or nothing.
   *
   * @throws UncheckedIOException if the folder cannot be written; the message is for people
   */
  public void keep(Key key, PairProfile profile) {
    try {
      write(new Known(key, profile, null, null));
    } catch (IOException e) {
      throw new UncheckedIOException(notKept(e), e);
    }
  }

  /** As {@link #keep} what is known so far; where that is not possible, there is a notice. */
  public void keepOrNote(Known known) {
    try {
      write(known);
    } catch (IOException e) {
      notices.add(notKept(e));
    }
  }

  private String notKept(IOException e) {
    String reason =
        switch (e) {
          case AccessDeniedException _ -> "permission denied";
          case FileAlreadyExistsException taken -> taken.getFile() + " is no folder";
          case FileSystemException named when named.getReason() != null -> named.getReason();
          default -> String.valueOf(e.getMessage());
        };
    return "what was measured cannot be kept in "
        + folder
        + " ("
        + reason
        + "), so that it is measured at each start: set BATON_HOME to a folder that can be written";
  }

  private void write(Known known) throws IOException {
    Files.createDirectories(folder);
    Path fresh = Files.createTempFile(folder, "profile", PART);
    try {
      Files.writeString(
          fresh, MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(Kept.of(known)));
      Files.move(
          fresh,
          folder.resolve(known.key.fileName()),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }
}
