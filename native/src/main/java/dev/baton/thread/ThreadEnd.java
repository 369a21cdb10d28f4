package dev.baton.thread;

import java.time.Duration;

/** Waits for threads that may never come back from where they are. */
public final class ThreadEnd {
  private ThreadEnd() {}

  /**
   * Waits until a thread has ended, but no longer than {@code limit}. An interrupt of the waiting
   * thread changes nothing about that, and is there again afterwards.
   *
   * @param thread another one than the calling
   * @return false when it has not ended
   */
  public static boolean await(Thread thread, Duration limit) {
    long startNs = System.nanoTime();
    long limitNs = limit.toNanos();
    long leftNs = limitNs;
    boolean interrupted = false;
    while (thread.isAlive() && leftNs > 0) {
      try {
        boolean _ = thread.join(Duration.ofNanos(leftNs));
      } catch (InterruptedException e) {
        interrupted = true; // what is being closed is left to nobody
      }
      leftNs = limitNs - (System.nanoTime() - startNs);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }
}
