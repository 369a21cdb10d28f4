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
   * All ends: what is under way and what would come. By the compute thread at its end, or by
   * another one where that does not come back.
   *
   * @param why what is to be told of it; null where it is just closed
   */
  void end(@Nullable String why);
}
