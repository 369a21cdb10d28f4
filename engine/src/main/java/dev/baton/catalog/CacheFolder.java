package dev.baton.catalog;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;

/** Where Baton keeps what it can bring again: {@code BATON_HOME}, else the user's cache folder. */
public final class CacheFolder {
  private CacheFolder() {}

  /** The cache folder in an environment; it need not exist yet. */
  public static Path of(Map<String, String> env) {
    return locate(env, System.getProperty("os.name", ""), System.getProperty("user.home", ""));
  }

  /**
   * {@code BATON_HOME}, else {@code $XDG_CACHE_HOME/baton}, else {@code ~/Library/Caches/baton} on
   * macOS and {@code ~/.cache/baton} elsewhere. As the XDG base directory specification asks, a
   * relative {@code XDG_CACHE_HOME} is ignored.
   */
  static Path locate(Map<String, String> env, String osName, String userHome) {
    String batonHome = env.getOrDefault("BATON_HOME", "");
    if (!batonHome.isBlank()) {
      return path(batonHome).toAbsolutePath();
    }
    String xdg = env.getOrDefault("XDG_CACHE_HOME", "");
    if (!xdg.isBlank() && path(xdg).isAbsolute()) {
      return path(xdg).resolve("baton");
    }
    Path home = path(env.getOrDefault("HOME", userHome)).toAbsolutePath();
    return osName.startsWith("Mac")
        ? home.resolve("Library").resolve("Caches").resolve("baton")
        : home.resolve(".cache").resolve("baton");
  }

  private static Path path(String value) {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new CatalogException(
          "the cache folder: " + FileName.misfit(value) + "; or set BATON_HOME to another", e);
    }
  }
}
