package dev.baton.schedule;

/** Who goes first where not everybody can. */
public enum Priority {
  /** Somebody waits for it. */
  INTERACTIVE,

  /** Nobody does: it goes on in what the others leave, and now and then beside them. */
  BACKGROUND;

  /** True when this goes before that. */
  public boolean isBefore(Priority other) {
    return compareTo(other) < 0;
  }
}
