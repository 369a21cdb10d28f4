package dev.baton.bench.schedule;

import dev.baton.schedule.StepBudget;

/**
 * What all parts are measured with.
 *
 * @param maxStallNs the stall bound; 0 for the default
 * @param chunkTokens prompt tokens that go through the layers together, at most
 * @param promptTokens of each long prompt
 * @param prompts long prompts of a run
 * @param seconds that a run takes, at most
 * @param rounds how often all is repeated
 * @param sessions of the batch
 * @param steps of the batch
 */
record ScheduleSetup(
    long maxStallNs,
    int chunkTokens,
    int promptTokens,
    int prompts,
    double seconds,
    int rounds,
    int sessions,
    int steps) {
  /** As good as no bound. */
  static final long NO_BOUND_NS = 60_000_000_000L;

  /** The stall bound where two decode steps take so long. */
  double boundMs(double twoStepsMs) {
    return maxStallNs > 0
        ? maxStallNs / 1e6
        : Math.max(StepBudget.DEFAULT_STALL_NS / 1e6, twoStepsMs);
  }
}
