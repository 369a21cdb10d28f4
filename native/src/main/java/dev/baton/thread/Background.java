package dev.baton.thread;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** What is computed on a thread of its own beside what its caller does meanwhile. */
public final class Background {
  private Background() {}

  /** Begins on a daemon thread of this name. */
  public static <T> CompletableFuture<T> begin(String name, Supplier<T> work) {
    return CompletableFuture.supplyAsync(
        work, task -> Thread.ofPlatform().daemon().name(name).start(task));
  }

  /**
   * Waits for what comes of it; what was thrown there is thrown here as it was.
   *
   * @throws RuntimeException what the work threw, as with an {@link Error}
   */
  public static <T> T result(CompletableFuture<T> begun) {
    try {
      return begun.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw e;
    }
  }
}
