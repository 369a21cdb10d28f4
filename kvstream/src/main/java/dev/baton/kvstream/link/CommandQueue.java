package dev.baton.kvstream.link;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.ManyToOneConcurrentLinkedQueue;

/** What other threads have the stream thread do. */
final class CommandQueue {
  private final ManyToOneConcurrentLinkedQueue<Runnable> commands =
      new ManyToOneConcurrentLinkedQueue<>();
  private final Object gate = new Object();
  private boolean shut; // guarded by gate

  /** Adds a command; false when none is taken any more. Any thread. */
  boolean add(Runnable command) {
    synchronized (gate) {
      if (shut) {
        return false;
      }
      commands.add(command);
      return true;
    }
  }

  /** From now on no command is taken; those that are there are still to be run. Any thread. */
  void shut() {
    synchronized (gate) {
      shut = true;
    }
  }

  /** Any thread. */
  boolean isShut() {
    synchronized (gate) {
      return shut;
    }
  }

  /** Runs what is there; returns how many. Stream thread. */
  int runAll() {
    int ran = 0;
    Runnable command = commands.poll();
    while (command != null) {
      command.run();
      ran++;
      command = commands.poll();
    }
    return ran;
  }

  /** A command, and when it was run. */
  static final class Call implements Runnable {
    private final Runnable command;
    private final CountDownLatch done = new CountDownLatch(1);

    Call(Runnable command) {
      this.command = command;
    }

    @Override
    public void run() {
      try {
        command.run();
      } finally {
        done.countDown();
      }
    }

    /** Returns when it was run, whatever it threw, or after {@code limitNs}. */
    void await(long limitNs) {
      boolean interrupted = false;
      long startNs = System.nanoTime();
      long leftNs = limitNs;
      while (done.getCount() > 0 && leftNs > 0) {
        try {
          boolean _ = done.await(leftNs, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          // The caller counts on what this call ends; that takes no longer than a turn of the
          // stream thread.
          interrupted = true;
        }
        leftNs = limitNs - (System.nanoTime() - startNs);
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
