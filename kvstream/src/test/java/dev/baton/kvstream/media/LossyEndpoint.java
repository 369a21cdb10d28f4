package dev.baton.kvstream.media;

import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.UdpChannel;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.protocol.HeaderFlyweight;
import java.util.SplittableRandom;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;

/** Receives what a bad link leaves of each datagram by itself, joined or not. */
final class LossyEndpoint extends OffloadReceiveEndpoint {
  static final Loss NONE = (frame, length) -> false;

  /** Which datagrams are lost; asked on the receiver's thread. */
  interface Loss {
    boolean isLost(UnsafeBuffer frame, int length);
  }

  private final Loss loss;

  LossyEndpoint(
      UdpChannel channel,
      DataPacketDispatcher dispatcher,
      AtomicCounter status,
      MediaDriver.Context context,
      SegmentOffload offload,
      Gate gate,
      Loss loss) {
    super(channel, dispatcher, status, context, offload, gate);
    this.loss = loss;
  }

  /** Loses a share of all frames. */
  static Loss share(double share, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return (frame, length) -> random.nextDouble() < share;
  }

  /** Loses everything for some milliseconds of every so many. */
  static Loss outages(long outMs, long everyMs) {
    return (frame, length) -> System.nanoTime() / 1_000_000 % everyMs < outMs;
  }

  @Override
  public boolean isValidFrame(UnsafeBuffer buffer, int length) {
    return super.isValidFrame(buffer, length)
        && (FrameDescriptor.frameType(buffer, 0) == HeaderFlyweight.HDR_TYPE_SETUP
            || !loss.isLost(buffer, length));
  }
}
