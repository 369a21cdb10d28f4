package dev.baton.schedule;

import org.jspecify.annotations.Nullable;

/**
 * Where a {@link Scheduler}'s work comes from: requests that are decoded here, or peers' orders.
 * All methods but {@link #end} are called by the compute thread; what one throws ends all work of
 * the device, so that whatever concerns one request is caught within.
 */
public interface WorkSource {
  /** True when there is nothing under way, so that there is nothing to look after. */
  boolean isIdle();

  /**
   * Before a step: takes in what is new, looks after what waits for others, and enters all that
   * could run.
   *
   * @return what was done, 0 for nothing
   */
  int prepare(StepPolicy policy);

  /**
   * Runs what was granted, and the rows of answers.
   *
   * @return what was done, 0 for nothing
   */
  int run(BatchRunner runner);

  /**
   * Ends what is over, and gives its KV blocks back.
   *
   * @return what was done, 0 for nothing
   */
  int settle();

  /**
   * The same in the middle of a pass, behind one of its layers: what was cancelled is not waited
   * for.
   *
   * @param pass what is under way: {@link BatchRunner#drop} takes runs out of it
   */
  void settleWithin(BatchRunner pass);

  /**
   * When at the latest it wants to be asked for what goes before a pass that is under way: an
   * answer's next token that would come later than the stall bound allows, a first token that needs
   * little. Behind each layer, where the device can pause a pass.
   *
   * @return by the scheduler's clock, so that there is still time to run it; {@link Long#MAX_VALUE}
   *     for never
   */
  default long dueNs() {
    return Long.MAX_VALUE;
  }

  /** Before a step within a pass that pauses: as {@link #prepare}, of what goes before that. */
  default void prepareWithin(StepPolicy policy) {}

  /**
   * Runs that, and ends what is over. What is in the pass that pauses stays as it is.
   *
   * @param within runs it
   * @return what was done, 0 for nothing
   */
  default int runWithin(BatchRunner within) {
    return 0;
  }

  /**
   * All ends: what is under way and what would come. By the compute thread at its end, or by
   * another one where that does not come back.
   *
   * @param why what is to be told of it; null where it is just closed
   */
  void end(@Nullable String why);
}
