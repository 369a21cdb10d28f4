package dev.baton.plan;

/** What a plan is to be best at. */
public sealed interface Objective {
  /** The first token, soonest. */
  record Ttft() implements Objective {}

  /** The whole answer, soonest. */
  record E2e() implements Objective {}

  /** The fewest joules. */
  record Energy() implements Objective {}

  /** The least money. */
  record Cost() implements Objective {}

  /**
   * The whole answer soonest among the plans whose first token is there in time; the soonest first
   * token where none is.
   */
  record E2eWithin(double ttftSeconds) implements Objective {
    public E2eWithin {
      if (!(ttftSeconds > 0)) {
        throw new IllegalArgumentException("a TTFT limit is positive, got " + ttftSeconds);
      }
    }
  }
}
