package dev.baton.decode;

import java.util.Locale;

/**
 * Whether to go on waiting for a prefill node, or to finish here: looks now and then at what has
 * arrived, and compares what the rest would take with what finishing here takes. It never leaves a
 * node that is slow but still sooner than this one, and leaves none for a single look: only when
 * {@link #LOOKS} in a row say so. The decode thread's; allocates nothing until it leaves.
 */
abstract sealed class StragglerTimeout permits StragglerByForecast, StragglerByPace {
  static final int LOOKS = 2;

  private final long lookIntervalNs;
  private long nextLookNs;
  private int slowLooks;

  StragglerTimeout(long orderedNs, long lookIntervalNs) {
    this.lookIntervalNs = lookIntervalNs;
    this.nextLookNs = orderedNs + lookIntervalNs;
  }

  /** By the forecast where there is one, else by what has arrived alone. */
  static StragglerTimeout of(RemotePrefill plan, long orderedNs, long orderedBytes) {
    PrefillForecast forecast = plan.forecast();
    return forecast == null || plan.patient()
        ? new StragglerByPace(orderedNs, orderedBytes, plan.patient())
        : new StragglerByForecast(forecast, orderedNs, orderedBytes);
  }

  /** True when the next look is due. */
  final boolean isLookDue(long nowNs) {
    return nowNs - nextLookNs >= 0;
  }

  /** Looks at what has arrived, in payload bytes since the order. */
  final void look(long nowNs, long receivedBytes) {
    nextLookNs = nowNs + lookIntervalNs;
    judge(nowNs, receivedBytes);
  }

  /** The last look is none that counts. */
  final void stays() {
    slowLooks = 0;
  }

  /** Compares the last look with finishing here; true when it is time to leave. */
  final boolean isOver(long hereNs) {
    slowLooks = isSlow(hereNs) ? slowLooks + 1 : 0;
    return slowLooks >= LOOKS || isDead();
  }

  /** What a look says of the node. */
  abstract void judge(long nowNs, long receivedBytes);

  /** Whether {@link #isOver} wants to know how long finishing here would take. */
  abstract boolean compares();

  /** Whether the last look says that finishing here would clearly be sooner. */
  abstract boolean isSlow(long hereNs);

  /** Whether it says that nothing will come any more, whatever finishing here takes. */
  boolean isDead() {
    return false;
  }

  /** Why it was left, one line. */
  abstract String reason(long nowNs, long hereNs);

  /** How many times longer than forecast the node takes of late; 0 where that is not known. */
  double timesSlower() {
    return 0;
  }

  /** A duration in words. */
  static String seconds(long ns) {
    return String.format(Locale.ROOT, ns < 9_950_000_000L ? "%.1f s" : "%.0f s", ns / 1e9);
  }
}
