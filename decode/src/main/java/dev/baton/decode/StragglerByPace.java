package dev.baton.decode;

import java.util.Locale;

/**
 * Judges a prefill node of which nothing was predicted. Looks at what has arrived every {@link
 * #LOOK_INTERVAL_NS}: at the pace of the last arrivals, how long will the rest take? That pace is
 * the slower one of the node's compute and the link. While nothing arrives at all, for longer than
 * pauses have been and than a node that was held up for a moment needs, the pause is expected to
 * last as long again as it has.
 *
 * <p>Waiting is given up when in {@link #LOOKS} looks in a row it would have taken more than {@link
 * #FACTOR} times as long as finishing here, and {@link #LEAST_GAIN_NS} longer. Not before {@link
 * #GRACE_NS}, so that a node which has just begun is not judged by its first chunk.
 *
 * <p>A patient request compares nothing. It leaves only a node that brings nothing at all for
 * {@link #DEAD_NS}, since one that computes no more may still renew its lease.
 */
final class StragglerByPace extends StragglerTimeout {
  static final long GRACE_NS = 500_000_000;
  static final long LOOK_INTERVAL_NS = 200_000_000;
  static final double FACTOR = 1.5;
  static final long LEAST_GAIN_NS = 300_000_000;
  static final long DEAD_NS = 60_000_000_000L;

  private static final int ARRIVALS = 6; // a look apart or more: the last second at least
  private static final double USUAL_PAUSE = 1.5;
  private static final long SHORT_PAUSE_NS = 1_500_000_000;

  private final long orderedNs;
  private final long orderedBytes;
  private final boolean patient;
  private final long[] arrivalNs = new long[ARRIVALS];
  private final long[] arrivalBytes = new long[ARRIVALS];
  private int arrivals;
  private long arrivedNs;
  private long arrivedBytes;
  private long longestPauseNs;
  private double bytesPerNs;
  private long restNs;
  private long pauseNs;

  /**
   * @param orderedNs when the order was sent
   * @param orderedBytes payload bytes that are to come in all
   * @param patient whether to wait also where finishing here would be faster
   */
  StragglerByPace(long orderedNs, long orderedBytes, boolean patient) {
    super(orderedNs, LOOK_INTERVAL_NS);
    this.orderedNs = orderedNs;
    this.orderedBytes = orderedBytes;
    this.patient = patient;
    this.arrivedNs = orderedNs;
  }

  /** How long will the rest take? Nothing while it is too early to say. */
  @Override
  void judge(long nowNs, long receivedBytes) {
    if (receivedBytes > arrivedBytes) {
      noteArrival(nowNs, receivedBytes);
    }
    long missing = Math.max(0, orderedBytes - receivedBytes);
    long atThisPaceNs = bytesPerNs == 0 ? 0 : Math.round(missing / bytesPerNs);
    pauseNs = nowNs - arrivedNs;
    boolean unusual = pauseNs > SHORT_PAUSE_NS && pauseNs > USUAL_PAUSE * longestPauseNs;
    restNs = atThisPaceNs + (unusual ? pauseNs : 0);
    if (nowNs - orderedNs < GRACE_NS) {
      restNs = 0;
    }
  }

  private void noteArrival(long nowNs, long receivedBytes) {
    longestPauseNs = Math.max(longestPauseNs, nowNs - arrivedNs);
    arrivedNs = nowNs;
    arrivedBytes = receivedBytes;
    arrivalNs[arrivals % ARRIVALS] = nowNs;
    arrivalBytes[arrivals % ARRIVALS] = receivedBytes;
    arrivals++;
    if (arrivals > 1) { // what came before the first arrival may have been a queue
      int oldest = Math.max(0, arrivals - ARRIVALS) % ARRIVALS;
      bytesPerNs = (double) (receivedBytes - arrivalBytes[oldest]) / (nowNs - arrivalNs[oldest]);
    }
  }

  @Override
  boolean compares() {
    return !patient && restNs > LEAST_GAIN_NS;
  }

  @Override
  boolean isSlow(long hereNs) {
    return !patient && restNs > FACTOR * hereNs && restNs - hereNs > LEAST_GAIN_NS;
  }

  @Override
  boolean isDead() {
    return patient && pauseNs > DEAD_NS;
  }

  @Override
  String reason(long nowNs, long hereNs) {
    if (patient) {
      return String.format(Locale.ROOT, "nothing has come for %.0f s", pauseNs / 1e9);
    }
    String brings =
        nowNs - arrivedNs > 2 * LOOK_INTERVAL_NS
            ? String.format(Locale.ROOT, "nothing has come for %.1f s", (nowNs - arrivedNs) / 1e9)
            : String.format(Locale.ROOT, "the link brings %.1f MB/s", bytesPerNs * 1e3);
    return String.format(
        Locale.ROOT,
        "%s: the rest would take %s, here %s",
        brings,
        seconds(restNs),
        seconds(hereNs));
  }
}
