package dev.baton.bench.stream;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.agrona.concurrent.IdleStrategy;

/**
 * Waits as the stream's own threads do: a few looks, a few yields, then naps that grow, to 100
 * microseconds while a round is on and to a millisecond between rounds, so that the yardstick costs
 * the full path's rounds nothing. Each thread has its own; they share the flag.
 */
final class Attentive implements IdleStrategy {
  private static final int SPINS = 10;
  private static final int YIELDS = 20;
  private static final long SHORTEST_NS = TimeUnit.MICROSECONDS.toNanos(1);
  private static final long LONGEST_BUSY_NS = TimeUnit.MICROSECONDS.toNanos(100);
  private static final long LONGEST_AT_REST_NS = TimeUnit.MILLISECONDS.toNanos(1);

  private final AtomicBoolean busy;
  private int looks;
  private long napNs = SHORTEST_NS;

  Attentive(AtomicBoolean busy) {
    this.busy = busy;
  }

  @Override
  public void idle(int workCount) {
    if (workCount > 0) {
      reset();
    } else {
      idle();
    }
  }

  @Override
  public void idle() {
    looks++;
    if (looks <= SPINS) {
      Thread.onSpinWait();
    } else if (looks <= SPINS + YIELDS) {
      Thread.yield();
    } else {
      looks = SPINS + YIELDS;
      LockSupport.parkNanos(napNs);
      napNs = Math.min(2 * napNs, busy.getOpaque() ? LONGEST_BUSY_NS : LONGEST_AT_REST_NS);
    }
  }

  @Override
  public void reset() {
    looks = 0;
    napNs = SHORTEST_NS;
  }
}
