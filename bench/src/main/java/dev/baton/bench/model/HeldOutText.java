package dev.baton.bench.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * The stories that baton-tiny was not trained on, under the model's licence: the text to measure
 * with where none is given.
 */
public final class HeldOutText {
  private static final String RESOURCE = "/dev/baton/baton-tiny-heldout.txt";

  /** For a reader. */
  public static final String NAME = "baton-tiny's held-out stories";

  private HeldOutText() {}

  public static String read() {
    try (InputStream bytes = HeldOutText.class.getResourceAsStream(RESOURCE)) {
      if (bytes == null) {
        throw new IllegalStateException(
            RESOURCE + " is missing from the harness's jar; build it again");
      }
      return new String(bytes.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
