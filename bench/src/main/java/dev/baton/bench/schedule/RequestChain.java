package dev.baton.bench.schedule;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Requests one behind the other: as one ends the next is submitted, by the compute thread, so that
 * there is always one. Counts what it sees of them.
 */
final class RequestChain {
  private final DecodeQueue queue;
  private final int vocab;
  private final int promptTokens;
  private final int maxTokens;
  private final GapCount gaps;
  private final SplittableRandom random;
  private final int wantedEnds;
  private final CountDownLatch ends;
  private final CountDownLatch over = new CountDownLatch(1);
  private @Nullable DecodeSession current; // guarded by this
  private boolean stopped; // guarded by this
  private @Nullable String failure; // guarded by this
  private final AtomicLong prefilled = new AtomicLong();
  private final AtomicLong decoded = new AtomicLong();

  /**
   * @param gaps hears of each gap between two tokens of one answer
   * @param wantedEnds what {@link #awaitEnds} waits for
   */
  RequestChain(
      DecodeQueue queue,
      int vocab,
      int promptTokens,
      int maxTokens,
      GapCount gaps,
      int wantedEnds) {
    this.queue = queue;
    this.vocab = vocab;
    this.promptTokens = promptTokens;
    this.maxTokens = maxTokens;
    this.gaps = gaps;
    this.random = new SplittableRandom(promptTokens);
    this.wantedEnds = wantedEnds;
    this.ends = new CountDownLatch(wantedEnds);
  }

  /** Hears one request; called by the compute thread alone. */
  private final class One implements TokenListener {
    private int done;
    private long lastNs;

    @Override
    public void onToken(int token) {
      long nowNs = System.nanoTime();
      if (lastNs != 0) {
        gaps.record(nowNs - lastNs);
      }
      lastNs = nowNs;
      decoded.incrementAndGet();
    }

    @Override
    public void onPrefill(int tokens, int total) {
      prefilled.addAndGet(tokens - done);
      done = tokens;
    }

    @Override
    public void onEnd(DecodeOutcome outcome) {
      if (outcome.end() == DecodeOutcome.End.LENGTH) {
        onPrefill(outcome.tokens().promptTokens(), outcome.tokens().promptTokens());
      }
      ended(outcome);
    }
  }

  synchronized void start() {
    current =
        queue.submit(
            Answer.request(
                Answer.prompt(promptTokens, vocab, random),
                maxTokens,
                SamplingParams.greedy(),
                new One()));
  }

  private synchronized void ended(DecodeOutcome outcome) {
    ends.countDown();
    if (outcome.end() == DecodeOutcome.End.FAILED) {
      failure = outcome.failure();
      while (ends.getCount() > 0) {
        ends.countDown();
      }
    }
    if (stopped || failure != null) {
      over.countDown();
    } else {
      start();
    }
  }

  /** Waits until so many have ended as were wanted; false where the time is over before. */
  boolean awaitEnds(double seconds) throws InterruptedException {
    return ends.await((long) (seconds * 1e9), TimeUnit.NANOSECONDS);
  }

  /** Requests that {@link #awaitEnds} saw end. */
  int ends() {
    return wantedEnds - (int) ends.getCount();
  }

  /** Prompt tokens computed so far. */
  long prefilled() {
    return prefilled.get();
  }

  /** Tokens answered so far. */
  long decoded() {
    return decoded.get();
  }

  /** Ends it; returns why it went wrong, or null. */
  @Nullable String stop() throws InterruptedException {
    synchronized (this) {
      stopped = true;
      if (failure == null && current != null) {
        current.cancel();
      }
    }
    boolean _ = over.await(60, TimeUnit.SECONDS);
    synchronized (this) {
      return failure;
    }
  }
}
