package dev.baton.schedule;

import dev.baton.model.ModelBackend;
import dev.baton.thread.ThreadEnd;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One compute thread for a device: whatever wants compute is work in its queue, of requests that
 * are decoded here and of peers' orders alike ({@link WorkSource}). It runs one step after the
 * other: a row of each answer, and chunks of the prompts and orders whose turn it is, as many
 * tokens as the stall bound has time for ({@link StepPolicy}). What is cancelled ends behind the
 * layer at hand.
 *
 * <p>A source sees to it that an exception ends the request that caused it. What comes through to
 * here, an {@link Error} for instance, ends all work of the device, and no more is taken.
 *
 * <p>Any thread may call. In the steady state the compute thread allocates nothing.
 */
public final class Scheduler implements AutoCloseable {
  private static final String FAILED = "the node failed and is closed: ";

  /** No constant of the language: those are made when they are first used, which takes memory. */
  private static final String OUT_OF_MEMORY =
      String.valueOf("the node failed and is closed: out of memory; give the JVM more (-Xmx)");

  private static final long SHORTEST_POLL_NS = 50_000;
  private static final long LONGEST_POLL_NS = 400_000;

  /** A layer of a pass is usually far shorter; who waits for longer is left behind. */
  private static final Duration CLOSE_LIMIT = Duration.ofMillis(750);

  /**
   * What is caught here when the heap is full, looked up before: a handler whose class has to be
   * looked up then is passed over. Each class looks up its own, so others' lists do not help.
   */
  static final List<Class<?>> CAUGHT =
      List.of(
          Throwable.class,
          Error.class,
          Exception.class,
          RuntimeException.class,
          OutOfMemoryError.class);

  private static final int ATTEMPTS = 50;
  private static final long ATTEMPTS_APART_NS = 10_000_000;
  private static final System.Logger LOG = System.getLogger("dev.baton.schedule");

  /**
   * How much at once.
   *
   * @param chunkTokens prompt tokens that go through the layers together, at most
   * @param maxSessions answers decoded at once, at most
   * @param maxStallNs longest gap between two tokens of an answer that prompts and orders may
   *     cause; 0 for the default of {@link StepBudget}
   */
  public record Limits(int chunkTokens, int maxSessions, long maxStallNs) {
    public Limits {
      if (chunkTokens < 1 || maxSessions < 0 || maxStallNs < 0) {
        throw new IllegalArgumentException(
            "chunks of "
                + chunkTokens
                + " tokens, "
                + maxSessions
                + " sessions, a stall bound of "
                + maxStallNs
                + " ns");
      }
    }
  }

  private final Limits limits;
  private final StepPolicy policy;
  private final BatchRunner runner;
  private final Thread thread;
  private volatile WorkSource[] sources = {};
  private volatile boolean closed;
  private volatile long pendingTokens;
  private volatile @Nullable String failure;
  private volatile Consumer<String> onFailure = _ -> {};

  /**
   * @param model shared; the caller closes it after this
   * @param nanoClock the clock of all durations
   */
  public Scheduler(ModelBackend model, Limits limits, LongSupplier nanoClock) {
    this.limits = limits;
    StepBudget budget = new StepBudget(limits.chunkTokens(), limits.maxStallNs());
    this.policy = new StepPolicy(budget);
    this.runner =
        new BatchRunner(
            model,
            Math.addExact(limits.chunkTokens(), limits.maxSessions()),
            budget,
            nanoClock,
            new Pauses());
    if (runner.pauses()) {
      budget.passesPauseBehind(1.0 / model.shape().layers());
    }
    this.thread = Thread.ofPlatform().daemon().name("baton-compute").unstarted(this::work);
    this.thread.start();
  }

  public Limits limits() {
    return limits;
  }

  /** What runs batches; for sources, on the compute thread. */
  public BatchRunner runner() {
    return runner;
  }

  /** Has work of that source done from now on. */
  public synchronized void attach(WorkSource source) {
    WorkSource[] more = Arrays.copyOf(sources, sources.length + 1);
    more[sources.length] = source;
    sources = more;
  }

  /** There is something new to do. */
  public void wake() {
    LockSupport.unpark(thread);
  }

  /** Something was cancelled, or is new: it is looked after behind the layer at hand. */
  public void call() {
    runner.call();
    wake();
  }

  /** Tokens that waited at the last step to go through layers, as such that go through all. */
  public long pendingTokens() {
    return pendingTokens;
  }

  /** True when no more work is taken; a source that is asked for some says so. */
  public boolean isClosed() {
    return closed;
  }

  /** Why no more work is taken; null before that, and where it was just closed. */
  public @Nullable String failure() {
    return failure;
  }

  private void work() {
    boolean failed = false;
    try {
      runUntilClosed();
    } catch (Throwable e) { // nobody is left to hear of it but those who wait
      failed = true;
      refuse(told(e));
    }
    endAll();
    String why = failure;
    if (failed && why != null) {
      onFailure.accept(why);
    }
    closeRunner();
  }

  private void runUntilClosed() {
    long pollNs = SHORTEST_POLL_NS;
    while (!closed) {
      if (step() > 0) {
        pollNs = SHORTEST_POLL_NS;
      } else if (isIdle()) {
        LockSupport.park(this);
      } else {
        LockSupport.parkNanos(this, pollNs);
        pollNs = Math.min(2 * pollNs, LONGEST_POLL_NS);
      }
      boolean _ = Thread.interrupted(); // a listener's doing; parking would end at once for ever
    }
  }

  private int step() {
    int work = 0;
    policy.begin();
    for (WorkSource source : sources) {
      work += source.prepare(policy);
    }
    policy.allot();
    runner.rowsApart(policy.budget().rowsApart());
    pendingTokens = policy.pendingTokens();
    for (WorkSource source : sources) {
      work += runner.isStopped() ? 0 : source.run(runner);
    }
    for (WorkSource source : sources) {
      work += runner.isStopped() ? 0 : source.settle();
    }
    return work;
  }

  private boolean isIdle() {
    for (WorkSource source : sources) {
      if (!source.isIdle()) {
        return false;
      }
    }
    return true;
  }

  /** What happens between two layers of a pass. */
  private final class Pauses implements BatchRunner.Between {
    @Override
    public void settle(BatchRunner pass) {
      for (WorkSource source : sources) {
        source.settleWithin(pass);
      }
    }

    @Override
    public long dueNs() {
      long due = Long.MAX_VALUE;
      for (WorkSource source : sources) {
        due = Math.min(due, source.dueNs());
      }
      return due;
    }

    @Override
    public int pause(BatchRunner within) {
      policy.begin();
      for (WorkSource source : sources) {
        source.prepareWithin(policy);
      }
      policy.allotWithin();
      int work = 0;
      for (WorkSource source : sources) {
        work += within.isStopped() ? 0 : source.runWithin(within);
      }
      return work;
    }
  }

  /** Why everything ends, in words as far as there is memory for words. */
  private static String told(Throwable e) {
    String why = OUT_OF_MEMORY;
    try {
      // No concatenation of the language's own: to link one needs memory as well.
      why =
          e instanceof OutOfMemoryError
              ? FAILED
                  .concat("out of memory, ")
                  .concat(String.valueOf(e.getMessage()))
                  .concat("; give the JVM more (-Xmx)")
              : FAILED.concat(e.toString());
      LOG.log(System.Logger.Level.DEBUG, why, e);
    } catch (Throwable _) {
      // It is said in fewer words.
    }
    return why;
  }

  private void refuse(@Nullable String why) {
    synchronized (this) {
      if (!closed) {
        failure = why;
        closed = true;
      }
    }
    runner.stop();
  }

  /** Whatever the end of one source throws, the others end as well. */
  private void endAll() {
    String why = failure;
    for (WorkSource source : sources) {
      try {
        source.end(why);
      } catch (Throwable e) {
        said(e);
      }
    }
  }

  private static void said(Throwable e) {
    try {
      LOG.log(System.Logger.Level.WARNING, "work could not be ended as it should: " + e);
    } catch (Throwable _) {
      // There is no memory for it.
    }
  }

  private void closeRunner() {
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        runner.close();
        return;
      } catch (OutOfMemoryError _) {
        LockSupport.parkNanos(ATTEMPTS_APART_NS);
      }
    }
  }

  /**
   * Has {@code action} told why, once, should a failure end all work: it has ended then. On the
   * compute thread, or at once where that was before.
   */
  public void onFailure(Consumer<String> action) {
    onFailure = action;
    String why = failure;
    if (why != null) {
      action.accept(why);
    }
  }

  /**
   * The compute will never answer again, and the thread that waits for it neither: all work ends
   * with that reason, by the calling thread.
   */
  public void abandon(String reason) {
    refuse(reason);
    endAll();
  }

  /** The thread that computes: what it computes with may be freed when it has ended. */
  public Thread thread() {
    return thread;
  }

  /**
   * Ends all work, and the thread, which ends its pass after the layer at hand. One that does not
   * come back from it in time is left behind: it ends, and frees its own memory, when it does.
   * Twice is fine; the compute thread may call it.
   */
  @Override
  public void close() {
    refuse(null);
    wake();
    if (Thread.currentThread() != thread && !ThreadEnd.await(thread, CLOSE_LIMIT)) {
      LOG.log(System.Logger.Level.WARNING, "a computation does not end; it is left behind");
      endAll();
    }
  }
}
