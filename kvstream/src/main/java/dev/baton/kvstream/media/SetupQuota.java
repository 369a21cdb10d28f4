package dev.baton.kvstream.media;

import io.aeron.protocol.SetupFlyweight;
import java.util.concurrent.TimeUnit;

/**
 * What a stream that answers somebody may send before its receiver was heard: a few setups, each
 * after a longer pause, fewer bytes than the greeting took that asked for it. So nobody has a third
 * machine flooded. Sender's thread only.
 */
final class SetupQuota {
  private static final int SETUPS = 4;
  private static final int LONGER = 3;

  /** All of it. */
  static final int BYTES = SETUPS * SetupFlyweight.HEADER_LENGTH;

  private int left = SETUPS;
  private long pauseNs = TimeUnit.MILLISECONDS.toNanos(90);
  private long nextNs;

  /** True when one may be sent now; it counts then. */
  boolean take(long nowNs) {
    if (left == 0 || (left < SETUPS && nowNs - nextNs < 0)) {
      return false;
    }
    left--;
    nextNs = nowNs + pauseNs;
    pauseNs *= LONGER;
    return true;
  }
}
