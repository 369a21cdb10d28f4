package dev.baton.cli;

import dev.baton.kernel.KernelsConfig;
import picocli.CommandLine.Option;

/** {@code --threads}: what Baton's own kernels compute on. */
final class ThreadsOption {
  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Compute threads; 0: one per processor (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = KernelsConfig.MAX_THREADS)
  private int threads;

  /** The environment's kernels with so many threads. */
  KernelsConfig kernels(Terminal terminal) {
    KernelsConfig kernels = KernelsConfig.fromEnvironment(terminal.env());
    return threads == 0 ? kernels : kernels.withThreads(threads);
  }

  /** As it was given; 0 for one per processor. */
  int count() {
    return threads;
  }
}
