package dev.baton.calibrate;

import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Requests of given lengths with random tokens, through the loop that serves all requests. What
 * stands in a prompt does not change how long it takes. Callers' requests go first: a trial that
 * runs when one comes is cancelled, and begun anew when it has been quiet for a while.
 *
 * <p>One thread runs trials; {@link #callerBegins} and {@link #callerEnds} may come from any.
 */
public final class Trial {
  private static final long SEED = 1;
  private static final long QUIET_MS = 500;
  private static final int WARM_UP_TOKENS = 32;
  private static final int WARM_UP_STEPS = 4;

  private final DecodeLoop loop;
  private final int vocabulary;
  private final SplittableRandom random = new SplittableRandom(SEED);

  private final Object lock = new Object();
  private final List<DecodeSession> running = new ArrayList<>(); // guarded by lock
  private int callers; // guarded by lock
  private boolean disturbed; // guarded by lock

  /**
   * @param loop the loop that serves this node's requests
   * @param vocabulary the model's number of tokens
   */
  public Trial(DecodeLoop loop, int vocabulary) {
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
   * @param seconds about how long
   * @throws CalibrationException when one fails or does not run as asked
   */
  public void warmUp(PrefillTarget target, int layers, int chunkTokens, double seconds)
      throws InterruptedException {
    long startNs = System.nanoTime();
    ChunkSchedule chunks = ChunkSchedule.equal(chunkTokens);
    do {
      run(1, WARM_UP_TOKENS, WARM_UP_STEPS, null);
      for (int boundary : new int[] {layers, Math.max(1, layers / 2)}) {
        run(
            1,
            WARM_UP_TOKENS,
            WARM_UP_STEPS,
            new RemotePrefill(target, boundary, chunks, KvWireType.F16, true));
      }
    } while ((System.nanoTime() - startNs) / 1e9 < seconds);
  }

  /**
   * Runs requests of one shape at once.
   *
   * @return their outcomes
   * @throws CalibrationException when one fails or does not run as asked
   */
  List<DecodeOutcome> run(
      int count, int promptTokens, int outputTokens, @Nullable RemotePrefill remote)
      throws InterruptedException {
    while (true) {
      List<CompletableFuture<DecodeOutcome>> started =
          start(count, promptTokens, outputTokens, remote);
      List<DecodeOutcome> outcomes = new ArrayList<>();
      for (CompletableFuture<DecodeOutcome> one : started) {
        outcomes.add(end(one));
      }
      synchronized (lock) {
        running.clear();
        if (!disturbed) {
          return outcomes;
        }
      }
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

  private static DecodeOutcome end(CompletableFuture<DecodeOutcome> started)
      throws InterruptedException {
    DecodeOutcome outcome;
    try {
      outcome = started.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
    if (outcome.end() == DecodeOutcome.End.FAILED) {
      throw new CalibrationException("a measured request failed: " + outcome.failure());
    }
    if (outcome.fallback() != null) {
      throw new CalibrationException(
          "a measured request did not run as planned: " + outcome.fallback());
    }
    return outcome;
  }
}
