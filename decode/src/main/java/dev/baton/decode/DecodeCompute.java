package dev.baton.decode;

import dev.baton.kernel.Kernels;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.BatchRunner;
import dev.baton.schedule.StallHistogram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What all sessions compute with, one after the other: the scheduler's passes, room for logits, and
 * how fast prompts are here. The compute thread's, but for what says otherwise.
 */
final class DecodeCompute {
  private static final int TRIAL_TOKENS = 32;
  private static final long RATE_IS_FRESH_NS = 5_000_000_000L;

  private final KvPool pool;
  private final int layers;
  private final StallHistogram stalls = new StallHistogram();
  private final PrefillRate rate = new PrefillRate();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment logits;
  private final MemorySegment shownLogits;
  private final MemorySegment roomForMaxima; // (maxLogits, runs of the vocabulary)
  private MemorySegment maxima = MemorySegment.NULL;
  private BatchRunner runner;

  /**
   * @param runner runs all batches
   * @param maxLogits rows of logits wanted at once
   */
  DecodeCompute(BatchRunner runner, ModelBackend model, KvPool pool, int maxLogits) {
    this.runner = runner;
    this.pool = pool;
    this.layers = model.shape().layers();
    this.logits = arena.allocate((long) maxLogits * model.shape().vocab() * Float.BYTES, 64);
    this.shownLogits = logits.asReadOnly();
    int maximaOfRow = Kernels.maximaOf(model.shape().vocab());
    this.roomForMaxima = arena.allocate((long) maxLogits * maximaOfRow * Float.BYTES, 64);
  }

  /** What runs batches now: within a pass that pauses another one. */
  BatchRunner runner() {
    return runner;
  }

  void runner(BatchRunner now) {
    runner = now;
  }

  /** Writes the logits of the first rows that the pass has left. */
  void computeLogits(int rows) {
    runner.forward().logits(0, rows, logits);
    boolean known = runner.forward().maxima(rows, logits, roomForMaxima);
    maxima = known ? roomForMaxima : MemorySegment.NULL;
  }

  /** The logits computed last, (maxLogits, vocab). */
  MemorySegment logits() {
    return logits;
  }

  /** The same for listeners, which may keep others' rows in view but not change them. */
  MemorySegment shownLogits() {
    return shownLogits;
  }

  /** The logits' {@link Kernels#maxima}, or nothing where the backend does not tell them. */
  MemorySegment maxima() {
    return maxima;
  }

  /** All gaps between two tokens of an answer. Any thread. */
  StallHistogram stalls() {
    return stalls;
  }

  /** A chunk of {@code tokens} has gone through so many layers in so long. */
  void ranChunk(int tokens, int ofLayers, long ns) {
    rate.ran(tokens, ofLayers, ns, runner.nowNs());
  }

  /**
   * How long the prefill of so many tokens takes here. When that has not been measured of late, a
   * small chunk of the prompt is run for it, in blocks that are given back at once.
   *
   * @param mayTry whether there is nothing else to do now
   * @return {@link Long#MAX_VALUE} when it cannot be said
   */
  long prefillNs(int tokens, int[] prompt, boolean mayTry) {
    boolean fresh = rate.isKnown() && runner.nowNs() - rate.measuredNs() < RATE_IS_FRESH_NS;
    if (!fresh && mayTry) {
      runTrial(prompt);
    }
    return rate.isKnown() ? rate.nsFor((long) tokens * layers) : Long.MAX_VALUE;
  }

  private void runTrial(int[] prompt) {
    int tokens = Math.min(Math.min(TRIAL_TOKENS, prompt.length), runner.forward().maxTokens());
    KvSequence scratch = pool.reserve(tokens);
    if (scratch == null) {
      return;
    }
    try (scratch) {
      long startNs = runner.workNs();
      TokenBatch batch = runner.batch().clear().add(scratch, prompt, 0, tokens, 0, 0);
      runner.forward().embed(batch);
      if (runner.layers(0, layers)) {
        ranChunk(tokens, layers, runner.workNs() - startNs);
      }
      batch.clear();
    }
  }

  /**
   * Frees the room for logits, where no pass can write there any more.
   *
   * @param computes the thread that does
   */
  void end(Thread computes) {
    if (Thread.currentThread() == computes && arena.scope().isAlive()) {
      arena.close();
    }
  }
}
