package dev.baton.decode;

import java.nio.file.Path;

/** The built-in model. */
final class TinyModel {
  static final Path FILE =
      Path.of("..", "engine", "src", "main", "resources", "dev", "baton", "catalog")
          .resolve("baton-tiny-q8_0.gguf");

  private TinyModel() {}
}
