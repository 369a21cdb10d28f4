package dev.baton;

import dev.baton.calibrate.CalibrationException;
import dev.baton.calibrate.Trial;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.learn.NodeSlowdown;
import dev.baton.plan.RequestShape;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Measures a prefill node that was left for being slow, now and then while no caller is there,
 * until it is as fast as it was. A thread of its own, which lives as long as there is something to
 * see.
 */
final class StragglerProbe implements AutoCloseable {
  private static final long FIRST_PAUSE_MS = 1_000;
  private static final long LONGEST_PAUSE_MS = 30_000;
  private static final int LEAST_TOKENS = 64;
  private static final int MOST_TOKENS = 1_024;

  /** Shorter ones may fit into a moment in which a slowed node runs. */
  private static final double LEAST_SECONDS = 0.05;

  /** What takes longer is not waited for. */
  private static final double LIMIT_TIMES = 20;

  private static final double LEAST_LIMIT_SECONDS = 0.5;

  private final AutoSplit.Pair pair;
  private final Trial trial;
  private final NodeSlowdown slowdown;
  private final Supplier<@Nullable LearntPair> learnt;
  private @Nullable Thread thread; // guarded by this
  private boolean closed; // guarded by this

  StragglerProbe(
      AutoSplit.Pair pair,
      Trial trial,
      NodeSlowdown slowdown,
      Supplier<@Nullable LearntPair> learnt) {
    this.pair = pair;
    this.trial = trial;
    this.slowdown = slowdown;
    this.learnt = learnt;
  }

  /** Begins, unless it is under way. */
  synchronized void begin() {
    if (thread == null && !closed) {
      thread = Thread.ofPlatform().daemon().name("baton-straggler").start(this::work);
    }
  }

  private void work() {
    try {
      long pauseMs = FIRST_PAUSE_MS;
      while (goesOn()) {
        Thread.sleep(pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        PrefillPeer peer = pair.node().get();
        LearntPair known = learnt.get();
        if (peer != null && known != null) {
          measure(peer, known);
        }
      }
    } catch (InterruptedException | IllegalStateException | RejectedExecutionException _) {
      ended(); // the engine is closed
    }
  }

  private synchronized boolean goesOn() {
    boolean goesOn = !closed && slowdown.times(System.nanoTime()) > 1;
    if (!goesOn) {
      thread = null;
    }
    return goesOn;
  }

  private synchronized void ended() {
    thread = null;
  }

  private void measure(PrefillPeer peer, LearntPair known) throws InterruptedException {
    int most = Math.min(MOST_TOKENS, peer.longestPrompt());
    int tokens = Math.min(LEAST_TOKENS, most);
    while (2 * tokens <= most && predicted(known, tokens) < LEAST_SECONDS) {
      tokens *= 2;
    }
    double predicted = predicted(known, tokens);
    double limit = Math.max(LEAST_LIMIT_SECONDS, LIMIT_TIMES * predicted);
    double took;
    try {
      took = trial.prefillSeconds(tokens, peer, pair.model().layers(), chunks(), limit);
    } catch (CalibrationException _) {
      took = limit; // or more
    }
    slowdown.measured(took / predicted, System.nanoTime());
  }

  private ChunkSchedule chunks() {
    return ChunkSchedule.equal(pair.orderedChunkTokens());
  }

  /** What it took when it was as fast as learnt. */
  private double predicted(LearntPair known, int tokens) {
    return pair.planner()
        .predict(
            pair.model(),
            new RequestShape(tokens, 0, 1, false),
            known.cluster(tokens, 1),
            1,
            0,
            pair.model().layers(),
            chunks(),
            KvWireType.F16)
        .prediction()
        .ttftSeconds();
  }

  /** Measures nothing any more. Twice is fine. */
  @Override
  public synchronized void close() {
    closed = true;
    if (thread != null) {
      thread.interrupt();
    }
  }
}
