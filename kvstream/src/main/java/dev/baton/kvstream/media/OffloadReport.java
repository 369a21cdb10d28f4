package dev.baton.kvstream.media;

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
      return switch (kind) {
        case RUNS -> "in runs of up to " + SegmentRun.MAX_SEGMENTS + " (" + why + ")";
        case SINGLE -> "one by one (" + why + ")";
      };
    }
  }

  /** How the system is called for datagrams. */
  public enum Kind {
    /** Once for a run of them. */
    RUNS,
    /** Once for each. */
    SINGLE
  }

  /** What this machine's system can do, before anything was sent. */
  public static OffloadReport ofThisSystem() {
    return SegmentOffload.open().report();
  }

  /** True when both directions use runs. */
  public boolean isComplete() {
    return sending.kind() == Kind.RUNS && receiving.kind() == Kind.RUNS;
  }

  @Override
  public String toString() {
    return "sent " + sending + ", received " + receiving;
  }
}
