package dev.baton.cli;

import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A command that serves others until it is told to end, or what it serves with fails. Any thread.
 */
final class UntilEnded {
  private final CountDownLatch told = new CountDownLatch(1);
  private volatile boolean ready;
  private volatile @Nullable String failure;

  /** From now on there is something to end. */
  void ready() {
    ready = true;
  }

  /** Tells it to end. */
  void tell() {
    told.countDown();
  }

  /** For {@link GracefulShutdown}: a model that is being loaded cannot be waited for. */
  boolean end() {
    tell();
    return ready;
  }

  /** What it serves with has failed and has told its callers so: the process ends. */
  void failed(String why) {
    failure = why;
    tell();
  }

  boolean hasFailed() {
    return failure != null;
  }

  void await() throws InterruptedException {
    told.await();
  }

  /** The exit code, once all is put away; a failure is told of. */
  int status(Terminal terminal) {
    String why = failure;
    if (why == null) {
      return BatonCli.DONE;
    }
    terminal.complain(Failure.oneLine(why) + "; start it again");
    return BatonCli.FAILED;
  }
}
