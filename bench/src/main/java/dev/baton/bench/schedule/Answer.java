package dev.baton.bench.schedule;

import dev.baton.bench.report.WrongResult;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One request's answer, and how it ended. Nothing of it is cached. */
class Answer implements TokenListener {
  private static final long LIMIT_S = 600;

  private final CompletableFuture<DecodeOutcome> outcome = new CompletableFuture<>();

  /** A prompt of random tokens. */
  static int[] prompt(int tokens, int vocab, SplittableRandom random) {
    return random.ints(tokens, 0, vocab).toArray();
  }

  /** A request that ends with its length alone. */
  static DecodeRequest request(
      int[] prompt, int maxTokens, SamplingParams sampling, TokenListener listener) {
    return new DecodeRequest(prompt, maxTokens, sampling, _ -> false, null, listener);
  }

  DecodeSession submit(DecodeQueue queue, int[] prompt, int maxTokens, SamplingParams sampling) {
    return queue.submit(request(prompt, maxTokens, sampling, this));
  }

  @Override
  public void onToken(int token) {}

  @Override
  public void onEnd(DecodeOutcome ended) {
    outcome.complete(ended);
  }

  /**
   * Waits for the end.
   *
   * @throws WrongResult where it failed, or does not come
   */
  DecodeOutcome await() throws InterruptedException {
    try {
      return checked(outcome.get(LIMIT_S, TimeUnit.SECONDS));
    } catch (TimeoutException _) {
      throw new WrongResult("a request did not end in " + LIMIT_S + " s");
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  static DecodeOutcome checked(DecodeOutcome ended) {
    if (ended.end() == DecodeOutcome.End.FAILED) {
      throw new WrongResult("a request failed: " + ended.failure());
    }
    return ended;
  }
}
