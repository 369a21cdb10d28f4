package dev.baton.learn;

import java.util.concurrent.TimeUnit;

/**
 * How many times longer than learnt a prefill node takes at present, as requests have shown that
 * left it. {@link Corrections} follow a change after some requests; who left a node makes no more
 * of them, and the next plan is to know at once. Small requests that measure it show when it is
 * over; where there is no time for these, half of it is forgotten every {@link #HALVED_NS}, so that
 * a request tries the node again some day.
 *
 * <p>Any thread.
 */
public final class NodeSlowdown {
  /** Less is what {@link Corrections} are for. */
  public static final double LEAST = 2;

  static final double MOST = 1_000;
  static final long HALVED_NS = TimeUnit.SECONDS.toNanos(10);

  private double times = 1; // guarded by this
  private long seenNs; // guarded by this

  /** 1 where it is as fast as learnt. */
  public synchronized double times(long nowNs) {
    return Math.max(1, times * Math.pow(2, -(double) (nowNs - seenNs) / HALVED_NS));
  }

  /** A request left it that found it so many times slower than predicted, by this and all else. */
  public synchronized void left(double more, long nowNs) {
    set(times(nowNs) * Math.max(LEAST, more), nowNs);
  }

  /** A measurement took so many times as long as learnt. */
  public synchronized void measured(double ratio, long nowNs) {
    set(ratio < LEAST ? 1 : ratio, nowNs);
  }

  /** A request that it computed to the end took so many times as long as learnt. */
  public synchronized void delivered(double ratio, long nowNs) {
    double now = times(nowNs);
    if (ratio < now) {
      measured(ratio, nowNs);
    }
  }

  private void set(double value, long nowNs) {
    times = Math.clamp(value, 1, MOST);
    seenNs = nowNs;
  }
}
