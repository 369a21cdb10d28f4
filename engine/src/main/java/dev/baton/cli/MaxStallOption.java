package dev.baton.cli;

import dev.baton.BatonConfig;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --max-stall}: what an answer may wait for others' work. */
final class MaxStallOption {
  @Option(
      names = "--max-stall",
      paramLabel = "MS",
      description =
          "Longest gap between two tokens that other requests' prompts, and orders, may cause"
              + " (default: 50, or two decode steps where that is more).")
  @Within(least = BatonConfig.MIN_STALL_MS, most = 60_000)
  private @Nullable Double ms;

  /** As it was given; null for the default. */
  @Nullable Duration duration() {
    return ms == null ? null : Duration.ofNanos(Math.round(1e6 * ms));
  }
}
