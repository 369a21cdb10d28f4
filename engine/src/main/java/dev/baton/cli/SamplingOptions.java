package dev.baton.cli;

import dev.baton.decode.SamplingParams;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How tokens are chosen: shared by the commands that generate. */
final class SamplingOptions {
  @Option(
      names = {"-t", "--temperature"},
      paramLabel = "T",
      defaultValue = "0",
      description = "0 (the default) always takes the likeliest token; 0.8 is lively.")
  @Within(least = 0)
  private float temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "40",
      description = "Draw from the K likeliest tokens; 0: all (default: ${DEFAULT-VALUE}).")
  @Within(least = 0)
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "0.95",
      description =
          "Draw from the likeliest tokens that together have this probability; 1: all (default:"
              + " ${DEFAULT-VALUE}).")
  @Within(above = 0, most = 1)
  private float topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0.05",
      description =
          "Draw from tokens at least P times as likely as the likeliest; 0: all (default:"
              + " ${DEFAULT-VALUE}).")
  @Within(least = 0, most = 1)
  private float minP;

  @Option(
      names = "--repeat-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Above 1 makes recent tokens less likely (default: ${DEFAULT-VALUE}).")
  @Within(above = 0)
  private float repeatPenalty;

  @Option(
      names = "--repeat-last-n",
      paramLabel = "N",
      defaultValue = "64",
      description =
          "How many tokens count as recent for the penalties (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = SamplingParams.MAX_REPEAT_LAST_N)
  private int repeatLastN;

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      defaultValue = "0",
      description = "Taken off a recent token's logit (default: ${DEFAULT-VALUE}).")
  @Within
  private float presencePenalty;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      defaultValue = "0",
      description =
          "Taken off a recent token's logit each time it occurred (default: ${DEFAULT-VALUE}).")
  @Within
  private float frequencyPenalty;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "The same seed gives the same text; without one it is drawn, and told in the report.")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private @Nullable Long seed;

  /**
   * What to sample with.
   *
   * @throws IllegalArgumentException naming the value that is out of range
   */
  SamplingParams params() {
    long drawnOrGiven =
        seed != null ? seed : temperature == 0 ? 0 : new SplittableRandom().nextLong() >>> 33;
    return new SamplingParams(
        temperature,
        topK,
        topP,
        minP,
        repeatPenalty,
        repeatLastN,
        presencePenalty,
        frequencyPenalty,
        drawnOrGiven);
  }
}
