package dev.baton.server.api;

import dev.baton.http.HttpException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** How many requests of a model are taken; those beyond are refused at once. Any thread. */
final class Admission {
  private static final int RETRY_SECONDS = 5;

  private final int most;
  private final AtomicInteger taken = new AtomicInteger();

  Admission(int most) {
    this.most = most;
  }

  /**
   * Takes one; {@link #leave} follows.
   *
   * @throws HttpException 429 where there are too many
   */
  void enter() throws HttpException {
    if (taken.incrementAndGet() > most) {
      int before = taken.decrementAndGet();
      throw new HttpException(
          429,
          "too many requests: "
              + before
              + " are answered or wait, and no more may; try again later",
          Map.of("Retry-After", Integer.toString(RETRY_SECONDS)));
    }
  }

  void leave() {
    taken.decrementAndGet();
  }
}
