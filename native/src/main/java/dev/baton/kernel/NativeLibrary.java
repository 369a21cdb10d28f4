package dev.baton.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The shared object with the C kernels: finds it beside this class, copies it to a private
 * temporary file, and loads it from there once for the life of the process.
 */
final class NativeLibrary {
  private static final NativeLibrary INSTANCE = load();

  private final @Nullable SymbolLookup symbols;
  private final @Nullable String whyMissing;

  private NativeLibrary(@Nullable SymbolLookup symbols, @Nullable String whyMissing) {
    this.symbols = symbols;
    this.whyMissing = whyMissing;
  }

  /** Why there are no C kernels here and what to do, or nothing where there are. */
  static Optional<String> whyMissing() {
    return Optional.ofNullable(INSTANCE.whyMissing);
  }

  /** The library's symbols. Throws where it is missing. */
  static SymbolLookup symbols() {
    SymbolLookup symbols = INSTANCE.symbols;
    if (symbols == null) {
      throw new IllegalStateException(INSTANCE.whyMissing);
    }
    return symbols;
  }

  private static NativeLibrary load() {
    String platform = platform();
    String name = "libbaton-" + platform + (platform.startsWith("macos") ? ".dylib" : ".so");
    String failure = "";
    for (Path folder : folders()) {
      try (InputStream library = NativeLibrary.class.getResourceAsStream(name)) {
        if (library == null) {
          return missing(
              "this build has no C kernels for "
                  + platform
                  + "; install a C compiler (apt install gcc, or xcode-select --install) and build"
                  + " Baton again");
        }
        return new NativeLibrary(loadFrom(folder, library), null);
      } catch (IOException | IllegalArgumentException e) {
        failure = String.valueOf(e.getMessage());
      } catch (IllegalCallerException e) {
        return missing(
            "the C kernels may not be loaded; start Java with --enable-native-access=ALL-UNNAMED");
      }
    }
    return missing(
        "the C kernels cannot be loaded ("
            + failure
            + "); set -Djava.io.tmpdir to a folder from which programs may run");
  }

  private static NativeLibrary missing(String why) {
    return new NativeLibrary(null, why);
  }

  /** {@code linux-x86_64} and so on, as {@code build.sh} names it. */
  private static String platform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch", "");
    return (os.startsWith("mac") ? "macos" : os.startsWith("linux") ? "linux" : "other")
        + "-"
        + switch (arch) {
          case "amd64", "x86_64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch64";
          default -> "other";
        };
  }

  /**
   * Temporary folders may be mounted so that nothing in them runs; then the user's own cache is
   * tried.
   */
  private static List<Path> folders() {
    return List.of(
        Path.of(System.getProperty("java.io.tmpdir", "/tmp")),
        Path.of(System.getProperty("user.home", "."), ".cache", "baton"));
  }

  private static SymbolLookup loadFrom(Path folder, InputStream library) throws IOException {
    Files.createDirectories(folder);
    Path file =
        Files.createTempFile(folder, "libbaton-", ".so"); // only its owner may read or write it
    try {
      Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
      return SymbolLookup.libraryLookup(file, Arena.global());
    } finally {
      Files.deleteIfExists(file); // the mapping stays
    }
  }
}
