package dev.baton.cli;

import dev.baton.Perplexity;
import dev.baton.kernel.KernelsConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A text whose tokens a model is asked for, and how it computes them. */
final class ScoredText {
  @Parameters(paramLabel = "FILE", description = "A UTF-8 text; '-' reads it from stdin.")
  private String file = "";

  @Option(
      names = "--chunk",
      paramLabel = "N",
      defaultValue = "128",
      description = "Tokens that go through the layers together (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = Perplexity.WINDOW)
  private int chunk;

  @Mixin private ThreadsOption threads = new ThreadsOption();

  /** The text. */
  String read(Terminal terminal) {
    return terminal.textOfFile(file);
  }

  int chunk() {
    return chunk;
  }

  KernelsConfig kernels(Terminal terminal) {
    return threads.kernels(terminal);
  }
}
