package dev.baton.kvstream.media;

import java.util.Locale;

/**
 * How datagrams leave and arrive, and why so.
 *
 * @param sending how they are sent
 * @param receiving how they are received
 */
public record OffloadReport(Way sending, Way receiving) {
  /**
   * One direction.
   *
   * @param kind how the system is called
   * @param why why it is called so, one line
   */
  public record Way(Kind kind, String why) {
    @Override
    public String toString() {
      return kind.name().toLowerCase(Locale.ROOT) + " (" + why + ")";
    }
  }

  /** How the system is called for datagrams. */
  public enum Kind {
    /** Once for a run of them. */
    RUNS,
    /** Once for each. */
    SINGLE
  }

  @Override
  public String toString() {
    return "sending " + sending + ", receiving " + receiving;
  }
}
