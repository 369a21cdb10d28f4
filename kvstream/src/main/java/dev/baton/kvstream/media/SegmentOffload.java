package dev.baton.kvstream.media;

import dev.baton.kvstream.media.OffloadReport.Kind;
import dev.baton.kvstream.media.OffloadReport.Way;
import io.aeron.driver.MediaDriver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.Objects;
import org.agrona.collections.ArrayListUtil;
import org.agrona.concurrent.IdleStrategy;
import org.jspecify.annotations.Nullable;

/**
 * Has one media driver send and receive runs of datagrams with one system call each, where the
 * system can ({@code UDP_SEGMENT}, {@code UDP_GRO}); a datagram costs a tenth then. Where it
 * cannot, and as soon as it refuses, datagrams go one by one as Aeron sends them, and {@link
 * #report} says why. Made for one driver, before it is launched.
 */
final class SegmentOffload {
  private final @Nullable SocketCalls calls;
  private final boolean sendsRuns;
  private volatile Way sending;
  private volatile Way receiving;

  /** Endpoints with a run that has begun. Sender's thread. */
  private final ArrayList<OffloadSendEndpoint> begun = new ArrayList<>();

  private SegmentOffload(@Nullable SocketCalls calls, Way sending, Way receiving) {
    this.calls = calls;
    this.sendsRuns = sending.kind() == Kind.RUNS;
    this.sending = sending;
    this.receiving = receiving;
  }

  /** Uses what this system can do. */
  static SegmentOffload open() {
    String obstacle = LinuxSocketCalls.obstacle();
    return obstacle.isEmpty() ? over(new LinuxSocketCalls()) : off(obstacle);
  }

  /** Leaves everything to Aeron. */
  static SegmentOffload off(String why) {
    Way single = new Way(Kind.SINGLE, why);
    return new SegmentOffload(null, single, single);
  }

  /** Uses these calls, after a socket of its own was asked whether it knows the options. */
  static SegmentOffload over(SocketCalls calls) {
    try (DatagramChannel probe = DatagramChannel.open()) {
      SocketDescriptor socket = new SocketDescriptor(calls, probe);
      Way sending = way(socket.setOption(SocketCalls.UDP_SEGMENT, 0), "UDP_SEGMENT");
      Way receiving = way(socket.setOption(SocketCalls.UDP_GRO, 1), "UDP_GRO");
      return new SegmentOffload(calls, sending, receiving);
    } catch (IOException | UnsupportedOperationException e) {
      return off(String.valueOf(e.getMessage()));
    }
  }

  private static Way way(int result, String option) {
    return result == 0
        ? new Way(Kind.RUNS, "the kernel has " + option)
        : new Way(Kind.SINGLE, "the kernel refuses " + option + ", errno " + -result);
  }

  /** How datagrams are sent and received now. Any thread. */
  OffloadReport report() {
    return new OffloadReport(sending, receiving);
  }

  /**
   * Has the driver use this. Its idle strategies and threading mode are set before: runs leave when
   * the thread that sends is about to idle.
   *
   * @param limits which streams the driver receives
   * @param trust who is no stranger to it
   * @param strangers counts what strangers send
   */
  MediaDriver.Context install(
      MediaDriver.Context context, StreamLimits limits, StreamTrust trust, StrangerLog strangers) {
    OffloadReceiveEndpoint.Gate gate = new OffloadReceiveEndpoint.Gate(limits, trust, strangers);
    context
        .sendChannelEndpointSupplier((channel, status, itself) ->
            new OffloadSendEndpoint(channel, status, itself, this, trust))
        .receiveChannelEndpointSupplier((channel, dispatcher, status, itself) ->
            new OffloadReceiveEndpoint(channel, dispatcher, status, itself, this, gate));
    return switch (context.threadingMode()) {
      case SHARED -> context.sharedIdleStrategy(sendingFirst(context.sharedIdleStrategy()));
      case SHARED_NETWORK ->
          context.sharedNetworkIdleStrategy(sendingFirst(context.sharedNetworkIdleStrategy()));
      case DEDICATED -> context.senderIdleStrategy(sendingFirst(context.senderIdleStrategy()));
      case INVOKER -> throw new IllegalArgumentException("an invoked driver never idles");
    };
  }

  private IdleStrategy sendingFirst(IdleStrategy idle) {
    Objects.requireNonNull(idle, "the idle strategy is set before");
    return new IdleStrategy() {
      @Override
      public void idle(int workCount) {
        idle.idle(workCount + endCycle());
      }

      @Override
      public void idle() {
        idle.idle();
      }

      @Override
      public void reset() {
        idle.reset();
      }
    };
  }

  // The sender's thread.

  /** A run was begun there. */
  void add(OffloadSendEndpoint endpoint) {
    begun.add(endpoint);
  }

  private int endCycle() {
    int bytes = 0;
    for (int i = begun.size() - 1; i >= 0; i--) {
      OffloadSendEndpoint endpoint = begun.get(i);
      bytes += endpoint.endCycle();
      if (!endpoint.staysListed()) {
        ArrayListUtil.fastUnorderedRemove(begun, i);
      }
    }
    return bytes;
  }

  /** The system did not cut a run that it had promised to; another peer's it may cut. */
  void refusedSending(@Nullable InetSocketAddress to, int errno) {
    sending = new Way(Kind.SINGLE, "a run of datagrams to " + to + " was refused, errno " + errno);
  }

  // The conductor's thread.

  /** The socket that runs are sent over; null when datagrams are sent one by one. */
  @Nullable SocketDescriptor sendingSocket(DatagramChannel channel) {
    return calls == null || !sendsRuns ? null : new SocketDescriptor(calls, channel);
  }

  /** The socket that joined datagrams are received from; null when they come one by one. */
  @Nullable SocketDescriptor receivingSocket(DatagramChannel channel) {
    if (calls == null || receiving.kind() == Kind.SINGLE) {
      return null;
    }
    SocketDescriptor socket = new SocketDescriptor(calls, channel);
    int result = socket.setOption(SocketCalls.UDP_GRO, 1);
    if (result != 0) {
      receiving = way(result, "UDP_GRO");
      return null;
    }
    return socket;
  }
}
