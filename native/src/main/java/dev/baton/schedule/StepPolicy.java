package dev.baton.schedule;

/**
 * What one step of a compute thread does: a row of each answer, and chunks of those whose turn it
 * is ({@link Turns}), as many tokens as there is time for ({@link StepBudget}). Prompts that are
 * computed here, layers of what a peer has sent, and peers' orders stand in one line. Policy alone,
 * without threads, clocks or models, so that a simulation decides by this very object.
 *
 * <p>A step is {@link #begin}, {@link #row} and {@link #offer} for all there is, {@link #allot} or
 * {@link #allotWithin}; the budget is told what passes took. Allocates nothing in the steady state.
 * One thread.
 */
public final class StepPolicy {
  private final Turns<ChunkWork> turns = new Turns<>();
  private final StepBudget budget;
  private int rows;
  private long waitedNs;

  public StepPolicy(StepBudget budget) {
    this.budget = budget;
  }

  /** What is told how long passes took. */
  public StepBudget budget() {
    return budget;
  }

  /** A new step: what there is to do is told anew. */
  public void begin() {
    rows = 0;
    waitedNs = 0;
  }

  /**
   * An answer gets its next token by the step.
   *
   * @param ns how long ago its last token is; 0 before the first
   */
  public void row(long ns) {
    rows++;
    waitedNs = Math.max(waitedNs, ns);
  }

  /** Work that is not through; the first time, it gets in line. */
  public void offer(ChunkWork work) {
    work.offer();
    if (!turns.contains(work)) {
      turns.add(work);
    }
  }

  /** Shares the step out: each work has taken then what it may run. */
  public void allot() {
    turns.removeIf(ChunkWork::isThrough);
    budget.begin(rows, waitedNs);
    ChunkWork next = turns.peek();
    while (next != null && next.take(budget)) {
      turns.served(next);
      next = turns.peek();
    }
  }

  /**
   * The same for a step within a pass that pauses: the rows, and what of the work needs so little
   * that they can wait for it.
   */
  public void allotWithin() {
    turns.removeIf(ChunkWork::isThrough);
    budget.begin(rows, waitedNs);
    for (int i = 0; i < turns.size(); i++) {
      turns.get(i).takeWithin(budget);
    }
  }

  /** What is left to do of all that is in line. */
  public long pendingTokens() {
    return turns.remaining();
  }
}
