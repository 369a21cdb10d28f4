package dev.baton.bench.split;

import dev.baton.Timeline;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.SplitPlan;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one request took, by the decode process's clock.
 *
 * @param ttftMs from the call until the first token
 * @param e2eMs from the call until the last
 * @param boundaryLayer where it was cut
 * @param fallback why it did not run as planned, or null
 * @param chosen the planner's choice, or null where the split was given
 * @param alternatives the best of each kind that the planner chose from; empty where it did not
 * @param tokens the answer's
 * @param course what happened on the way
 */
record SplitRun(
    double ttftMs,
    double e2eMs,
    int boundaryLayer,
    @Nullable String fallback,
    @Nullable Planned chosen,
    List<Planned> alternatives,
    List<Integer> tokens,
    Course course) {
  /**
   * What happened on the way.
   *
   * @param prefillMs until the whole prompt had gone through all layers, wherever that was
   * @param hiddenShare share of the KV that came while the prefill node still computed, 0..1
   * @param kvBytes that came from the prefill node
   * @param tokenMs when each token of the answer was chosen
   * @param timeline where it was wanted, else null
   */
  record Course(
      double prefillMs,
      double hiddenShare,
      long kvBytes,
      List<Double> tokenMs,
      @Nullable Timeline timeline) {}

  /**
   * A plan and what it was predicted to take.
   *
   * @param boundaryLayer where it cuts
   * @param largestChunk tokens of the largest chunk
   * @param smallestChunk tokens of the smallest
   * @param ttftMs predicted
   * @param e2eMs predicted
   * @param e2eErrorMs how far off that usually is
   */
  record Planned(
      int boundaryLayer,
      int largestChunk,
      int smallestChunk,
      double ttftMs,
      double e2eMs,
      double e2eErrorMs) {
    static Planned of(SplitPlan plan) {
      return new Planned(
          plan.boundaryLayer(),
          plan.chunks().largestTokens(),
          plan.chunks().smallestTokens(),
          1e3 * plan.prediction().ttftSeconds(),
          1e3 * plan.prediction().e2eSeconds(),
          1e3 * plan.prediction().e2eError());
    }

    static List<Planned> alternatives(PlanDecision decision) {
      return decision.alternatives().stream().map(Planned::of).toList();
    }
  }

  /** The same without the answer, once that has been compared. */
  SplitRun withoutTokens() {
    return new SplitRun(
        ttftMs, e2eMs, boundaryLayer, fallback, chosen, alternatives, List.of(), course);
  }
}
