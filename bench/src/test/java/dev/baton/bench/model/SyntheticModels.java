package dev.baton.bench.model;

import java.io.IOException;
import java.nio.file.Path;

/** Small models for tests of what runs models. */
public final class SyntheticModels {
  private SyntheticModels() {}

  /** Writes a llama of two layers and returns {@code path}. */
  public static Path small(Path path) throws IOException {
    ModelShape shape = ModelShape.named("tinyllama-1.1b").shrunkTo(2, 512);
    new SyntheticModel(shape, ModelQuant.q4_0, 1).write(path);
    return path;
  }
}
