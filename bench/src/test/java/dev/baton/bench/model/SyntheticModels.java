package dev.baton.bench.model;

import java.io.IOException;
import java.nio.file.Path;

/** Small models for tests of what runs models. */
public final class SyntheticModels {
  private SyntheticModels() {}

  /** Writes a llama of two layers and returns {@code path}. */
  public static Path small(Path path) throws IOException {
    PublishedShape shape = PublishedShape.named("tinyllama-1.1b").shrunkTo(2, 512);
    new SyntheticModel(shape, ModelQuant.q4_0, 1).write(path);
    return path;
  }

  /** Writes a llama of 131,072 tokens of context: 100 MB of weights, 32 KB of KV for each token. */
  public static Path ofLongContext(Path path) throws IOException {
    PublishedShape shape =
        new PublishedShape(
            "long", "llama", 16, 512, 3072, 8, 8, 64, 8192, 131_072, 1e-5f, 5e5f, 1, true, false);
    new SyntheticModel(shape, ModelQuant.q8_0, 1).write(path);
    return path;
  }
}
