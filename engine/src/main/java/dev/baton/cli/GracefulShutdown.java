package dev.baton.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Ends a command's work when the process is told to end (Ctrl-C, SIGTERM): asks it to stop, and
 * holds the process until the work is put away or a moment has passed.
 */
final class GracefulShutdown implements AutoCloseable {
  private static final long PATIENCE_MS = 3_000;

  private final CountDownLatch finished = new CountDownLatch(1);
  private final long patienceMs;
  private final Thread hook;
  private volatile boolean asked;

  private GracefulShutdown(BooleanSupplier stop, long patienceMs) {
    this.patienceMs = patienceMs;
    this.hook = new Thread(() -> end(stop), "baton-clean-end");
  }

  /**
   * From now until {@link #close}, {@code stop} is called when the process is told to end.
   *
   * @param stop asks the work to stop; false where that cannot be waited for
   */
  static GracefulShutdown with(BooleanSupplier stop) {
    return with(stop, Duration.ZERO);
  }

  /** The same, for work that may take so much longer. */
  static GracefulShutdown with(BooleanSupplier stop, Duration more) {
    GracefulShutdown end = new GracefulShutdown(stop, PATIENCE_MS + more.toMillis());
    Runtime.getRuntime().addShutdownHook(end.hook);
    return end;
  }

  private void end(BooleanSupplier stop) {
    asked = true;
    if (!stop.getAsBoolean()) {
      return;
    }
    try {
      // Not finished in time: the process ends all the same, and the system takes back what it
      // holds.
      boolean _ = finished.await(patienceMs, TimeUnit.MILLISECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the process has been told to end. */
  boolean isAsked() {
    return asked;
  }

  /** The work is put away. */
  @Override
  public void close() {
    finished.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // The process is ending, and the hook is what waited for this.
    }
  }
}
