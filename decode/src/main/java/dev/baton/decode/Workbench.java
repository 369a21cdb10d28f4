package dev.baton.decode;

import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import dev.baton.schedule.StallHistogram;
import dev.baton.schedule.StepBudget;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * What the decode thread computes with, shared by all its sessions one after the other: the forward
 * pass, a batch, room for logits, the clock, and how fast it all is.
 */
final class Workbench implements AutoCloseable {
  private static final int TRIAL_TOKENS = 32;
  private static final long RATE_IS_FRESH_NS = 5_000_000_000L;

  private final KvPool cache;
  private final LongSupplier nanoClock;
  private final int layers;
  private final LayerPass forward;
  private final TokenBatch batch;
  private final StepBudget budget;
  private final StallHistogram stalls = new StallHistogram();
  private final PrefillRate rate = new PrefillRate();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment logits;
  private final MemorySegment shownLogits;
  private final LayerPass.LayerListener goesOn = layer -> !isStopped();
  private volatile boolean stopped;

  /**
   * @param maxRows rows of the largest batch
   * @param maxLogits rows of logits wanted at once
   * @param budget what is told how long all passes take
   */
  Workbench(
      ModelBackend model,
      KvPool cache,
      int maxRows,
      int maxLogits,
      StepBudget budget,
      LongSupplier nanoClock) {
    this.cache = cache;
    this.budget = budget;
    this.nanoClock = nanoClock;
    this.layers = model.shape().layers();
    this.forward = model.pass(maxRows);
    this.batch = new TokenBatch(maxRows);
    this.logits = arena.allocate((long) maxLogits * model.shape().vocab() * Float.BYTES, 64);
    this.shownLogits = logits.asReadOnly();
  }

  /** Ends the pass at hand after its next layer, and all that follow. Any thread. */
  void stop() {
    stopped = true;
  }

  boolean isStopped() {
    return stopped;
  }

  /**
   * Runs layers [from, to) over the batch.
   *
   * @return false when the loop is being closed: nothing may be done with what it gave
   */
  boolean layers(TokenBatch batch, int from, int to) {
    return forward.layersWhile(batch, from, to, goesOn) && !stopped;
  }

  LayerPass forward() {
    return forward;
  }

  TokenBatch batch() {
    return batch;
  }

  /** Room for rows of logits, (maxLogits, vocab). */
  MemorySegment logits() {
    return logits;
  }

  /** The same for listeners, which may keep others' rows in view but not change them. */
  MemorySegment shownLogits() {
    return shownLogits;
  }

  StepBudget budget() {
    return budget;
  }

  /** All gaps between two tokens of an answer. */
  StallHistogram stalls() {
    return stalls;
  }

  long nowNs() {
    return nanoClock.getAsLong();
  }

  /** A chunk of {@code tokens} that began at {@code startNs} has gone through so many layers. */
  void ranChunk(int tokens, int ofLayers, long startNs) {
    long nowNs = nowNs();
    rate.ran(tokens, ofLayers, nowNs - startNs, nowNs);
  }

  /**
   * How long the prefill of so many tokens takes here. When that has not been measured of late, a
   * small chunk of the prompt is run for it, in blocks that are given back at once.
   *
   * @param mayTry whether there is nothing else to do now
   * @return {@link Long#MAX_VALUE} when it cannot be said
   */
  long prefillNs(int tokens, int[] prompt, boolean mayTry) {
    boolean fresh = rate.isKnown() && nowNs() - rate.measuredNs() < RATE_IS_FRESH_NS;
    if (!fresh && mayTry) {
      runTrial(prompt);
    }
    return rate.isKnown() ? rate.nsFor((long) tokens * layers) : Long.MAX_VALUE;
  }

  private void runTrial(int[] prompt) {
    int tokens = Math.min(Math.min(TRIAL_TOKENS, prompt.length), forward.maxTokens());
    KvSequence scratch = cache.reserve(tokens);
    if (scratch == null) {
      return;
    }
    try (scratch) {
      long startNs = nowNs();
      batch.clear().add(scratch, prompt, 0, tokens, 0, 0);
      forward.embed(batch);
      if (layers(batch, 0, layers)) {
        ranChunk(tokens, layers, startNs);
      }
      batch.clear();
    }
  }

  /** Frees the scratch memory; the thread must have ended. Twice is fine. */
  @Override
  public void close() {
    forward.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
