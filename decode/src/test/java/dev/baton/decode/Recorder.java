package dev.baton.decode;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Writes down what a session tells it. */
class Recorder implements TokenListener {
  private final int[] tokens = new int[2048];
  private volatile int count;
  private volatile DecodeOutcome outcome;
  private final CountDownLatch ended = new CountDownLatch(1);

  @Override
  public void onToken(int token) {
    int n = count;
    tokens[n] = token;
    count = n + 1;
  }

  @Override
  public void onEnd(DecodeOutcome end) {
    outcome = end;
    ended.countDown();
  }

  boolean isOver() {
    return outcome != null;
  }

  int count() {
    return count;
  }

  /** The tokens, once the session is over. */
  int[] await() throws InterruptedException {
    outcome();
    return Arrays.copyOf(tokens, count);
  }

  DecodeOutcome outcome() throws InterruptedException {
    if (!ended.await(60, TimeUnit.SECONDS)) {
      throw new AssertionError("the session did not end within a minute");
    }
    return outcome;
  }
}
