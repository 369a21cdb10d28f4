package dev.baton.decode;

import java.util.Locale;

/**
 * Judges a prefill node by what was predicted of it. It falls behind when, since it was last on
 * time, it has taken {@link #BEHIND} times as long as predicted and {@link #LEAST_BEHIND_NS} more.
 * It is left when the rest, at its pace of late, would then take longer than finishing here, in
 * {@link #LOOKS} looks in a row; or when it fell behind by {@link #MOST_WAITED} of all that the
 * prompt takes then with the last few arrivals: who waits in vain has lost no more than that.
 *
 * <p>The pace of late is that of the last {@link #ARRIVALS} arrivals without the longest pause
 * among them: who was held up for a moment and goes on is no slower for it. The pause at hand is
 * expected to last as long again as it has.
 */
final class StragglerByForecast extends StragglerTimeout {
  static final long LOOK_INTERVAL_NS = 25_000_000;
  static final long LEAST_BEHIND_NS = 100_000_000;
  static final double BEHIND = 2;

  /** Who is no more late than that, over when it was least late, is on time. */
  private static final long ON_TIME_NS = 50_000_000;

  /** Who is left for less has it computed twice for nothing that anybody would see. */
  static final double FACTOR = 1.1;

  static final long LEAST_GAIN_NS = 50_000_000;

  /** How long may be waited for what gives no pace to go by, of the prompt's time without that. */
  static final double MOST_WAITED = 0.4;

  private static final int ARRIVALS = 6;
  private static final int LEAST_ARRIVALS = 4;
  private static final int LAST = 2;
  private static final double MOST_TIMES = 100;

  private final PrefillForecast forecast;
  private final long orderedNs;
  private final long orderedBytes;
  private final long[] arrivalNs = new long[ARRIVALS];
  private final long[] forecastNs = new long[ARRIVALS]; // what was predicted for these
  private int arrivals;
  private long arrivedNs;
  private long arrivedBytes;
  private long dueNs; // when what comes next was predicted, since the order
  private long leastLateNs = Long.MAX_VALUE;
  private long onTimeDueNs; // dueNs when it was last on time
  private long lateNs; // beyond leastLateNs
  private boolean behind;
  private long elapsedNs; // since the order
  private long waitedNs; // of late
  private long restNs;

  /**
   * @param orderedNs when the order was sent
   * @param orderedBytes payload bytes that are to come in all
   */
  StragglerByForecast(PrefillForecast forecast, long orderedNs, long orderedBytes) {
    super(orderedNs, LOOK_INTERVAL_NS);
    this.forecast = forecast;
    this.orderedNs = orderedNs;
    this.orderedBytes = Math.max(1, orderedBytes);
    this.arrivedNs = orderedNs;
  }

  @Override
  void judge(long nowNs, long receivedBytes) {
    elapsedNs = nowNs - orderedNs;
    dueNs = forecast.arrivalNs((double) receivedBytes / orderedBytes);
    if (receivedBytes > arrivedBytes) {
      arrivedNs = nowNs;
      arrivedBytes = receivedBytes;
      arrivalNs[arrivals % ARRIVALS] = nowNs;
      forecastNs[arrivals % ARRIVALS] = dueNs;
      arrivals++;
    }
    long late = Math.max(0, elapsedNs - dueNs);
    leastLateNs = Math.min(late, leastLateNs);
    if (late - leastLateNs < ON_TIME_NS) {
      onTimeDueNs = dueNs;
    }
    lateNs = late - leastLateNs;
    long predictedNs = dueNs - onTimeDueNs;
    behind = lateNs >= LEAST_BEHIND_NS && lateNs >= (BEHIND - 1) * predictedNs;
    long pauseNs = Math.min(nowNs - arrivedNs, lateNs);
    waitedNs = Math.min(lateNs, lateOfLastNs(nowNs));
    restNs = Math.round(pace() * Math.max(0, forecast.wholeNs() - dueNs)) + pauseNs;
  }

  /** By how much it fell behind with the last two arrivals and the pause behind them. */
  private long lateOfLastNs(long nowNs) {
    int first = arrivals - LAST - 1;
    return first < 0
        ? elapsedNs - dueNs
        : nowNs - arrivalNs[first % ARRIVALS] - (dueNs - forecastNs[first % ARRIVALS]);
  }

  /** How many times as long as predicted the last arrivals took, their longest pause left out. */
  private double pace() {
    if (arrivals < LEAST_ARRIVALS) {
      return 1;
    }
    int first = Math.max(0, arrivals - ARRIVALS);
    long took = 0;
    long predicted = 0;
    long longest = 0;
    long predictedOfLongest = 0;
    for (int i = first + 1; i < arrivals; i++) {
      long gap = arrivalNs[i % ARRIVALS] - arrivalNs[(i - 1) % ARRIVALS];
      long due = forecastNs[i % ARRIVALS] - forecastNs[(i - 1) % ARRIVALS];
      took += gap;
      predicted += due;
      if (gap > longest) {
        longest = gap;
        predictedOfLongest = due;
      }
    }
    long of = Math.max(1, predicted - predictedOfLongest);
    return Math.clamp((double) (took - longest) / of, 1, MOST_TIMES);
  }

  @Override
  boolean compares() {
    return behind && (restNs > LEAST_GAIN_NS || waitedNs > LEAST_BEHIND_NS);
  }

  @Override
  boolean isSlow(long hereNs) {
    boolean isSooner = restNs > FACTOR * hereNs && restNs - hereNs > LEAST_GAIN_NS;
    return behind && (isSooner || waitedNs > MOST_WAITED * (elapsedNs - waitedNs + hereNs));
  }

  @Override
  double timesSlower() {
    long predictedNs = Math.max(1, dueNs - onTimeDueNs);
    return Math.clamp((lateNs + predictedNs) / (double) predictedNs, BEHIND, MOST_TIMES);
  }

  @Override
  String reason(long nowNs, long hereNs) {
    return String.format(
        Locale.ROOT,
        "the prefill node fell %.1f s behind its prediction: the rest would take %s, here %s",
        lateNs / 1e9,
        seconds(restNs),
        seconds(hereNs));
  }
}
