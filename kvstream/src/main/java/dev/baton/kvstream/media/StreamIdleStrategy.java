package dev.baton.kvstream.media;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.agrona.concurrent.IdleStrategy;

/**
 * How a stream's threads wait when there is nothing to do: look again a few times, then sleep,
 * longer each time, because the compute threads need the cores more. While sessions are open the
 * longest sleep is short, as it delays their last slice; a node at rest costs little. Each thread
 * has its own; they share the flag.
 */
final class StreamIdleStrategy implements IdleStrategy {
  private static final int SPINS = 2;
  private static final int YIELDS = 4;
  private static final long SHORTEST_NS = TimeUnit.MICROSECONDS.toNanos(1);
  private static final long LONGEST_BUSY_NS = TimeUnit.MICROSECONDS.toNanos(400);
  private static final long LONGEST_AT_REST_NS = TimeUnit.MILLISECONDS.toNanos(1);

  private final AtomicBoolean busy;
  private int looks;
  private long sleepNs = SHORTEST_NS;

  /** Waits attentively while the flag is set. */
  StreamIdleStrategy(AtomicBoolean busy) {
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
    if (looks < SPINS) {
      looks++;
      Thread.onSpinWait();
    } else if (looks < SPINS + YIELDS) {
      looks++;
      Thread.yield();
    } else {
      LockSupport.parkNanos(sleepNs);
      sleepNs = Math.min(sleepNs * 2, busy.getOpaque() ? LONGEST_BUSY_NS : LONGEST_AT_REST_NS);
    }
  }

  @Override
  public void reset() {
    looks = 0;
    sleepNs = SHORTEST_NS;
  }
}
