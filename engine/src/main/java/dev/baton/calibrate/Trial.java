package dev.baton.calibrate;

import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Requests of given lengths with random tokens, through the loop that serves all requests. What
 * stands in a prompt does not change how long it takes.
 */
final class Trial {
  private static final long SEED = 1;

  private final DecodeLoop loop;
  private final int vocabulary;
  private final SplittableRandom random = new SplittableRandom(SEED);

  Trial(DecodeLoop loop, int vocabulary) {
    this.loop = loop;
    this.vocabulary = vocabulary;
  }

  /**
   * Runs one request.
   *
   * @throws CalibrationException when it fails or does not run as asked
   */
  DecodeOutcome run(int promptTokens, int outputTokens, @Nullable RemotePrefill remote)
      throws InterruptedException {
    return end(start(promptTokens, outputTokens, remote));
  }

  /** Starts one request; {@link #end} waits for it. */
  CompletableFuture<DecodeOutcome> start(
      int promptTokens, int outputTokens, @Nullable RemotePrefill remote) {
    int[] prompt = random.ints(promptTokens, 0, vocabulary).toArray();
    CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
    TokenListener listener =
        new TokenListener() {
          @Override
          public void onToken(int token) {}

          @Override
          public void onEnd(DecodeOutcome outcome) {
            ended.complete(outcome);
          }
        };
    loop.submit(
        new DecodeRequest(
            prompt, outputTokens, SamplingParams.greedy(), token -> false, remote, listener));
    return ended;
  }

  static DecodeOutcome end(CompletableFuture<DecodeOutcome> started) throws InterruptedException {
    DecodeOutcome outcome;
    try {
      outcome = started.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
    if (outcome.end() == DecodeOutcome.End.FAILED) {
      throw new CalibrationException("a measured request failed: " + outcome.failure());
    }
    if (outcome.fallback() != null) {
      throw new CalibrationException(
          "a measured request did not run as planned: " + outcome.fallback());
    }
    return outcome;
  }
}
