package dev.baton.schedule;

/**
 * Work that goes through the layers a chunk at a time: a prompt, a peer's order, the layers that
 * are left of what a peer has sent. {@link StepPolicy} says when, and how much at once.
 */
public interface ChunkWork extends Turns.Work {
  /** True when nothing is left to run in chunks, or nobody wants it. */
  boolean isThrough();

  /** A step begins: notes what could run in it; nothing of that is granted yet. */
  void offer();

  /**
   * Takes what the step has time for, by {@link StepBudget#take} or {@link StepBudget#takeShare}.
   *
   * @return false when that is nothing
   */
  boolean take(StepBudget budget);

  /**
   * Takes all that is left of it, for a step within a pass that pauses, by {@link
   * StepBudget#takeWhole}. Only little work does so.
   */
  default void takeWithin(StepBudget budget) {}
}
