package dev.baton.catalog;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Brings ggml's libraries into the cache folder: {@code npm pack} fetches the package, which knows
 * the proxies and mirrors of the place it is used in and runs nothing of it, and the libraries are
 * taken out of the archive, once that has the pinned SHA-512.
 */
public final class GgmlPull {
  /** What a folder holds, a line {@code SIZE NAME} for each file; as the loader wants it. */
  static final String CONTENTS = "contents.txt";

  private static final String LOG = "npm.log";
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int POLL_MS = 200;

  private final Map<String, String> env;
  private final Path folder;

  /**
   * @param env the environment npm runs in; its {@code PATH} is searched for npm
   */
  public GgmlPull(Map<String, String> env) {
    this.env = Map.copyOf(env);
    this.folder = CacheFolder.of(env).resolve("ggml");
  }

  /**
   * Brings a package, unless it is there.
   *
   * @return the folder of its libraries
   * @throws CatalogException when it cannot be had; with what to do
   */
  public Path pull(GgmlPackage wanted, PullProgress progress) {
    Path there = folder.resolve(wanted.name());
    if (Files.isRegularFile(there.resolve(CONTENTS))) {
      return there;
    }
    try {
      Files.createDirectories(folder);
      try (PullLock _ = PullLock.take(there, progress)) {
        Path work = folder.resolve(wanted.name() + ".part");
        WheelDownload.deleteTree(work);
        Files.createDirectories(work);
        try {
          Path archive = fetch(wanted, work, progress);
          check(wanted, archive);
          unpack(archive, work);
          Files.delete(archive);
          Files.delete(work.resolve(LOG));
          WheelDownload.deleteTree(there);
          Files.move(work, there, StandardCopyOption.ATOMIC_MOVE);
        } finally {
          WheelDownload.deleteTree(work);
        }
      }
      return there;
    } catch (SourceException e) {
      throw new CatalogException("cannot bring " + wanted.name() + ": npm " + e.getMessage(), e);
    } catch (IOException e) {
      throw new CatalogException(
          "cannot write "
              + there
              + " ("
              + Reason.of(e)
              + "); mend that or set BATON_HOME to another folder",
          e);
    }
  }

  private Path fetch(GgmlPackage wanted, Path work, PullProgress progress)
      throws IOException, SourceException {
    progress.begin("npm (" + wanted.spec() + ")", wanted.sizeBytes());
    Path log = work.resolve(LOG);
    ProcessBuilder builder =
        new ProcessBuilder(
                npm().toString(),
                "pack",
                "--ignore-scripts",
                "--pack-destination",
                work.toString(),
                wanted.spec())
            .directory(work.toFile())
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .redirectOutput(log.toFile());
    builder.environment().clear();
    builder.environment().putAll(env);
    Process process = builder.start();
    try {
      while (!process.waitFor(POLL_MS, TimeUnit.MILLISECONDS)) {
        progress.advance(Math.min(WheelDownload.bytesUnder(work), wanted.sizeBytes()));
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new SourceException("was interrupted", e);
    }
    progress.advance(wanted.sizeBytes());
    if (process.exitValue() != 0) {
      throw new SourceException("failed: " + lastError(log));
    }
    Path archive = archiveIn(work);
    if (archive == null) {
      throw new SourceException("brought no archive");
    }
    return archive;
  }

  private Path npm() throws SourceException {
    for (String place : env.getOrDefault("PATH", "").split(File.pathSeparator)) {
      Path program = Path.of(place, "npm");
      if (!place.isEmpty() && Files.isRegularFile(program) && Files.isExecutable(program)) {
        return program;
      }
    }
    throw new SourceException(
        "is needed, and there is none on PATH (apt install npm, brew install node)");
  }

  private static @Nullable Path archiveIn(Path work) throws IOException {
    try (DirectoryStream<Path> archives = Files.newDirectoryStream(work, "*.tgz")) {
      for (Path archive : archives) {
        return archive;
      }
    }
    return null;
  }

  /** npm's first line that says what was wrong. */
  private static String lastError(Path log) throws IOException {
    return Files.readAllLines(log).stream()
        .filter(line -> line.startsWith("npm ") && line.contains(" error "))
        .reduce((first, last) -> first)
        .orElse("it said nothing of use");
  }

  private static void check(GgmlPackage wanted, Path archive) throws IOException, SourceException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-512");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-512", e);
    }
    try (InputStream in = Files.newInputStream(archive)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    String found = Base64.getEncoder().encodeToString(digest.digest());
    if (!found.equals(wanted.integrity())) {
      throw new SourceException(
          "gave other bytes than the pinned ones (SHA-512 "
              + found.substring(0, 12)
              + "…, expected "
              + wanted.integrity().substring(0, 12)
              + "…)");
    }
  }

  /** Takes ggml's libraries and the licence, and nothing else. */
  private static void unpack(Path archive, Path work) throws IOException, SourceException {
    List<String> contents = new ArrayList<>();
    try (InputStream in = new GZIPInputStream(Files.newInputStream(archive), BUFFER_BYTES)) {
      TarReader tar = new TarReader(in);
      for (TarReader.Entry entry = tar.next(); entry != null; entry = tar.next()) {
        String name = entry.name().substring(entry.name().lastIndexOf('/') + 1);
        if (!name.matches("libggml[A-Za-z0-9._-]*|LICENSE")) {
          continue;
        }
        try (OutputStream out = Files.newOutputStream(work.resolve(name))) {
          for (byte[] part = tar.content(BUFFER_BYTES);
              part != null;
              part = tar.content(BUFFER_BYTES)) {
            out.write(part);
          }
        }
        contents.add(entry.sizeBytes() + " " + name);
      }
    }
    if (contents.size() < 3) {
      throw new SourceException("brought a package without ggml's libraries");
    }
    Files.write(work.resolve(CONTENTS), contents);
  }
}
