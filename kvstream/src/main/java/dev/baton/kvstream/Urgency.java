package dev.baton.kvstream;

import java.util.Objects;

/**
 * How soon somebody wants an order done.
 *
 * @param deadlineMs what comes later is of no use; 0 for none
 */
public record Urgency(Priority priority, int deadlineMs) {
  /** Somebody waits, and no later than that. */
  public static final Urgency USUAL = new Urgency(Priority.PEOPLE, 0);

  /** Who waits for it. */
  public enum Priority {
    /** Somebody. */
    PEOPLE,
    /** Nobody right now. */
    BACKGROUND
  }

  public Urgency {
    Objects.requireNonNull(priority, "priority");
    if (deadlineMs < 0) {
      throw new IllegalArgumentException("a deadline lies ahead, got " + deadlineMs + " ms");
    }
  }
}
