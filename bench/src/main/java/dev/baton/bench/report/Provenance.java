package dev.baton.bench.report;

import dev.baton.Baton;
import dev.baton.gguf.GgufFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where figures come from: what has to be the same for them to come out again.
 *
 * @param batonVersion Baton's
 * @param commit of the sources it was built from, or null outside of a repository
 * @param dirty whether these sources had changes that are in no commit
 * @param date when the measurement began
 * @param flags the command's words, as they were given
 * @param machine where
 * @param model of which model, or null where there is none
 */
public record Provenance(
    String batonVersion,
    @Nullable String commit,
    boolean dirty,
    Instant date,
    List<String> flags,
    Machine machine,
    @Nullable Model model) {
  /**
   * A model.
   *
   * @param name its own name, or its file's
   * @param file its file's name
   * @param fingerprint {@link GgufFile#fingerprint}
   */
  public record Model(String name, String file, String fingerprint) {
    /** Of a GGUF file. */
    public static Model of(Path path) {
      try (GgufFile file = GgufFile.open(path)) {
        String fileName = path.getFileName().toString();
        return new Model(
            file.metadata().string("general.name", fileName), fileName, file.fingerprint());
      }
    }
  }

  public Provenance {
    flags = List.copyOf(flags);
  }

  /**
   * Of what is measured here and now.
   *
   * @param flags the command's words, as they were given
   * @param model what is measured, or null
   */
  public static Provenance now(List<String> flags, @Nullable Path model) {
    String version = Baton.class.getPackage().getImplementationVersion();
    String commit = git("rev-parse", "HEAD");
    String changes = git("status", "--porcelain");
    return new Provenance(
        version == null ? "0 (not from a jar)" : version,
        commit,
        commit != null && changes != null && !changes.isEmpty(),
        Instant.now().truncatedTo(ChronoUnit.SECONDS),
        flags,
        Machine.here(),
        model == null ? null : Model.of(model));
  }

  /** What git says of the repository that this class was built in, or null where there is none. */
  private static @Nullable String git(String... words) {
    try {
      CodeSource source = Provenance.class.getProtectionDomain().getCodeSource();
      if (source == null) {
        return null;
      }
      Path built = Path.of(source.getLocation().toURI());
      // A jar, or a folder of classes.
      Path folder = Files.isDirectory(built) ? built : built.resolveSibling("");
      List<String> command = new ArrayList<>(List.of("git", "-C", folder.toString()));
      command.addAll(List.of(words));
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      try (InputStream printed = process.getInputStream()) {
        String text = new String(printed.readAllBytes(), StandardCharsets.UTF_8).strip();
        return process.waitFor() == 0 ? text : null;
      }
    } catch (IOException | URISyntaxException _) {
      return null;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return null;
    }
  }
}
