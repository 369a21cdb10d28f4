package dev.baton.calibrate;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.TransferReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Requests of given lengths with random tokens, through the loop that serves all requests. What
 * stands in a prompt does not change how long it takes. Callers' requests go first: a trial that
 * runs when one comes is cancelled, and begun anew when it has been quiet for a while. One that
 * does not end in its time is cancelled and given up.
 *
 * <p>Any thread; trials run one after the other.
 */
public final class Trial {
  /** Requests whose times the prefill node told too late, before that is its fault. */
  private static final int MOST_UNTIMED = 20;

  private static final long SEED = 1;
  private static final long QUIET_MS = 500;
  private static final int WARM_UP_TOKENS = 32;
  private static final int WARM_UP_STEPS = 4;

  /** For requests that only this node computes: that comes to an end, however slowly. */
  static final double NO_LIMIT = 1e6;

  /** A cancelled request ends with the pass that it is in. */
  private static final double CANCEL_SECONDS = 1;

  private final DecodeQueue loop;
  private final int vocabulary;
  private final SplittableRandom random = new SplittableRandom(SEED);

  private final ReentrantLock turn = new ReentrantLock();
  private final Object lock = new Object();
  private final List<DecodeSession> running = new ArrayList<>(); // guarded by lock
  private int callers; // guarded by lock
  private boolean disturbed; // guarded by lock

  /**
   * @param loop the loop that serves this node's requests
   * @param vocabulary the model's number of tokens
   */
  public Trial(DecodeQueue loop, int vocabulary) {
    this.loop = loop;
    this.vocabulary = vocabulary;
  }

  /** A caller's request is about to start. */
  public void callerBegins() {
    synchronized (lock) {
      callers++;
      disturbed = true;
      running.forEach(DecodeSession::cancel);
    }
  }

  /** Whether nothing is measured now, since callers' requests are under way. */
  public boolean isHeldUp() {
    synchronized (lock) {
      return callers > 0;
    }
  }

  /** A caller's request has ended. */
  public void callerEnds() {
    synchronized (lock) {
      callers--;
      lock.notifyAll();
    }
  }

  /**
   * Runs small requests of each kind for a while, so that the first caller's finds both nodes as
   * warm as they were when they were measured.
   *
   * @param target null where the link is too slow for that
   * @param seconds how long; what runs then is cancelled
   * @throws CalibrationException when one fails or does not run as asked
   */
  public void warmUp(@Nullable PrefillTarget target, int layers, int chunkTokens, double seconds)
      throws InterruptedException {
    long startNs = System.nanoTime();
    ChunkSchedule chunks = ChunkSchedule.equal(chunkTokens);
    double left = seconds;
    do {
      run(1, WARM_UP_TOKENS, WARM_UP_STEPS, null, left);
      if (target != null) {
        for (int boundary : new int[] {layers, Math.max(1, layers / 2)}) {
          RemotePrefill remote = new RemotePrefill(target, boundary, chunks, KvWireType.F16, true);
          run(1, WARM_UP_TOKENS, WARM_UP_STEPS, remote, left);
        }
      }
      left = seconds - (System.nanoTime() - startNs) / 1e9;
    } while (left > 0);
  }

  /**
   * What a prompt of so many tokens takes here.
   *
   * @throws CalibrationException when it cannot be computed
   */
  public double prefillSeconds(int promptTokens) throws InterruptedException {
    return run(1, promptTokens, 1, null, NO_LIMIT).getFirst().times().prefillNs() / 1e9;
  }

  /**
   * What a prompt of so many tokens takes whose layers another node computes, all of them.
   *
   * @param limitSeconds how long it may take
   * @throws CalibrationException when it fails, does not run as asked, or does not end in time
   */
  public double prefillSeconds(
      int promptTokens, PrefillTarget target, int layers, ChunkSchedule chunks, double limitSeconds)
      throws InterruptedException {
    RemotePrefill remote = new RemotePrefill(target, layers, chunks, KvWireType.F16, true);
    return run(1, promptTokens, 1, remote, limitSeconds).getFirst().times().prefillNs() / 1e9;
  }

  /**
   * Runs requests of one shape at once.
   *
   * @param limitSeconds how long they may take, whoever waits besides left out
   * @return their outcomes
   * @throws CalibrationException when one fails, does not run as asked, or does not end in time
   */
  List<DecodeOutcome> run(
      int count,
      int promptTokens,
      int outputTokens,
      @Nullable RemotePrefill remote,
      double limitSeconds)
      throws InterruptedException {
    turn.lockInterruptibly();
    try {
      return runAlone(count, promptTokens, outputTokens, remote, limitSeconds);
    } finally {
      turn.unlock();
    }
  }

  private List<DecodeOutcome> runAlone(
      int count,
      int promptTokens,
      int outputTokens,
      @Nullable RemotePrefill remote,
      double limitSeconds)
      throws InterruptedException {
    int untimed = 0;
    while (true) {
      List<CompletableFuture<DecodeOutcome>> started =
          start(count, promptTokens, outputTokens, remote);
      List<DecodeOutcome> outcomes = new ArrayList<>();
      long untilNs = System.nanoTime() + Math.round(limitSeconds * 1e9);
      try {
        for (CompletableFuture<DecodeOutcome> one : started) {
          outcomes.add(end(one, untilNs));
        }
      } catch (TimeoutException e) {
        cancel(started);
        if (isDisturbed()) {
          continue;
        }
        throw new CalibrationException(
            String.format(
                Locale.ROOT,
                "a measured request of %d tokens did not end within %.1f s",
                promptTokens,
                limitSeconds));
      } catch (InterruptedException e) {
        cancelAll();
        throw e;
      }
      synchronized (lock) {
        running.clear();
        if (!disturbed) {
          outcomes.forEach(Trial::requireAsPlanned);
          if (outcomes.stream().allMatch(Trial::isTimed)) {
            return outcomes;
          }
          untimed++;
        }
      }
      if (untimed > MOST_UNTIMED) {
        throw new CalibrationException(
            "the prefill node did not say in time when it had computed, "
                + untimed
                + " times in a row");
      }
    }
  }

  /** Not where the answer was over before the prefill node had told its times: they are 0 then. */
  private static boolean isTimed(DecodeOutcome outcome) {
    TransferReport transfer = outcome.transfer();
    return transfer == null || transfer.computeEndNs() > transfer.computeStartNs();
  }

  private boolean isDisturbed() {
    synchronized (lock) {
      return disturbed;
    }
  }

  private void cancelAll() {
    synchronized (lock) {
      running.forEach(DecodeSession::cancel);
      running.clear();
    }
  }

  private void cancel(List<CompletableFuture<DecodeOutcome>> started) throws InterruptedException {
    cancelAll();
    long untilNs = System.nanoTime() + Math.round(CANCEL_SECONDS * 1e9);
    try {
      for (CompletableFuture<DecodeOutcome> one : started) {
        end(one, untilNs);
      }
    } catch (TimeoutException _) {
      // What stands in its way is no reason to wait longer.
    }
  }

  private List<CompletableFuture<DecodeOutcome>> start(
      int count, int promptTokens, int outputTokens, @Nullable RemotePrefill remote)
      throws InterruptedException {
    synchronized (lock) {
      while (disturbed) {
        if (callers > 0) {
          lock.wait();
        } else {
          disturbed = false;
          lock.wait(QUIET_MS);
        }
      }
      List<CompletableFuture<DecodeOutcome>> started = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
        running.add(submit(promptTokens, outputTokens, remote, ended));
        started.add(ended);
      }
      return started;
    }
  }

  private DecodeSession submit(
      int promptTokens,
      int outputTokens,
      @Nullable RemotePrefill remote,
      CompletableFuture<DecodeOutcome> ended) {
    int[] prompt = random.ints(promptTokens, 0, vocabulary).toArray();
    TokenListener listener =
        new TokenListener() {
          @Override
          public void onToken(int token) {}

          @Override
          public void onEnd(DecodeOutcome outcome) {
            ended.complete(outcome);
          }
        };
    return loop.submit(
        new DecodeRequest(
            prompt, outputTokens, SamplingParams.greedy(), token -> false, remote, listener));
  }

  private static DecodeOutcome end(CompletableFuture<DecodeOutcome> started, long untilNs)
      throws InterruptedException, TimeoutException {
    try {
      return started.get(Math.max(0, untilNs - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void requireAsPlanned(DecodeOutcome outcome) {
    if (outcome.end() == DecodeOutcome.End.FAILED) {
      throw new CalibrationException("a measured request failed: " + outcome.failure());
    }
    if (outcome.fallback() != null) {
      throw new CalibrationException(
          "a measured request did not run as planned: " + outcome.fallback());
    }
  }
}
