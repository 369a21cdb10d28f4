package dev.baton.sim;

import dev.baton.plan.ClusterNode;
import dev.baton.schedule.ChunkWork;
import dev.baton.schedule.StepBudget;
import java.util.function.DoubleConsumer;

/**
 * A prompt's chunks at a node, in simulated time. A planned chunk goes in pieces where the step has
 * no time for all of it, which costs what the node's profile says of smaller chunks. One thread.
 */
final class SimulatedPrefill implements ChunkWork {
  private final PromptWork.Chunks chunks;
  private final double factor;
  private final DoubleConsumer started;
  private final DoubleConsumer ended;
  private int chunk;
  private int offset; // tokens of the chunk that are done
  private int depth;
  private long tokensLeft;
  private int granted;
  private boolean begun;

  /**
   * @param factor by which all really takes longer than predicted
   * @param started told when the first chunk begins
   * @param ended told when the last is done
   */
  SimulatedPrefill(
      PromptWork.Chunks chunks, double factor, DoubleConsumer started, DoubleConsumer ended) {
    this.chunks = chunks;
    this.factor = factor;
    this.started = started;
    this.ended = ended;
    this.depth = chunks.depth();
    for (int tokens : chunks.tokens()) {
      tokensLeft += tokens;
    }
  }

  /** All of it, as predicted. */
  double predictedSeconds() {
    double sum = 0;
    for (double seconds : chunks.seconds()) {
      sum += seconds;
    }
    return sum;
  }

  @Override
  public long remaining() {
    return Math.round(tokensLeft * chunks.share());
  }

  @Override
  public boolean isThrough() {
    return tokensLeft == 0;
  }

  @Override
  public boolean isReady() {
    return granted == 0 && !isThrough();
  }

  @Override
  public void offer() {
    granted = 0;
  }

  @Override
  public boolean take(StepBudget budget) {
    int offered = chunks.tokens()[chunk] - offset;
    granted =
        isInBatch()
            ? budget.take(offered, depth)
            : budget.takeShare(offered, depth, chunks.share());
    return granted > 0;
  }

  /** Whether it goes through all layers, in one batch with the decode rows. */
  boolean isInBatch() {
    return chunks.share() == 1;
  }

  /** Tokens that are computed in this step. */
  int granted() {
    return granted;
  }

  int depth() {
    return depth;
  }

  double share() {
    return chunks.share();
  }

  double factor() {
    return factor;
  }

  /** What the granted tokens are predicted to take. */
  double grantedSeconds(ClusterNode node) {
    int all = chunks.tokens()[chunk];
    double seconds = chunks.seconds()[chunk];
    if (granted == all) {
      return seconds;
    }
    double whole = node.chunkLayerSeconds(all, depth - offset);
    return whole == 0
        ? seconds * granted / all
        : seconds * node.chunkLayerSeconds(granted, depth) / whole;
  }

  /** The granted tokens' part of what was predicted. */
  double plannedSeconds() {
    return chunks.seconds()[chunk] * granted / chunks.tokens()[chunk];
  }

  /** The granted tokens are being computed. */
  void begin(double now) {
    if (!begun) {
      begun = true;
      started.accept(now);
    }
  }

  /** They have been. */
  void done(double now) {
    offset += granted;
    depth += granted;
    tokensLeft -= granted;
    granted = 0;
    if (offset == chunks.tokens()[chunk]) {
      chunk++;
      offset = 0;
    }
    if (isThrough()) {
      ended.accept(now);
    }
  }
}
