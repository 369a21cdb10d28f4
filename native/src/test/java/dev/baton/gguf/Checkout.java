package dev.baton.gguf;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds files of the checkout, or beside it, from whichever folder the tests run in. */
public final class Checkout {
  private Checkout() {}

  /**
   * The first {@code relative} in the working folder or one above it; where there is none, a path
   * that does not exist.
   */
  public static Path find(String relative) {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      Path candidate = folder.resolve(relative);
      if (Files.exists(candidate)) {
        return candidate;
      }
    }
    return Path.of(relative);
  }
}
