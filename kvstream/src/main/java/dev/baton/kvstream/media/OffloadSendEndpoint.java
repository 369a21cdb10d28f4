package dev.baton.kvstream.media;

import io.aeron.driver.DriverConductorProxy;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.NetworkPublication;
import io.aeron.driver.media.SendChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.NakFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import io.aeron.protocol.StatusMessageFlyweight;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.agrona.BufferUtil;
import org.agrona.collections.Hashing;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.concurrent.CachedNanoClock;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;
import org.jspecify.annotations.Nullable;

/**
 * Sends a channel's datagrams in runs ({@link SegmentRun}), where the system takes them. Data
 * frames are gathered where they stand, in the publication's term, and said to be sent at once;
 * they leave when a run is full, at the end of the sender's duty cycle, or before anything else is
 * sent. A term's memory is cleaned one term behind, and a publication's is freed after {@link
 * #unregisterForSend}, so it stays until then. Sender's thread only, but for {@link #close}.
 */
final class OffloadSendEndpoint extends SendChannelEndpoint {
  /** A publication hands over one datagram when it is asked; it is asked until a run is full. */
  private static final MethodHandle SEND_MORE = sendMore();

  /** Runs that loss made short are followed by others in a duty cycle until so much has left. */
  private static final int ENOUGH_BYTES = SegmentRun.MAX_BYTES / 2;

  private final SegmentOffload offload;
  private final CachedNanoClock clock;
  private final AtomicCounter bytesSent;
  private final AtomicCounter retransmits;
  private final AtomicCounter retransmittedBytes;
  private final UnsafeBuffer frame = new UnsafeBuffer(0, 0);
  private final List<NetworkPublication> publications = new ArrayList<>();
  private final Long2ObjectHashMap<SentTail> tails = new Long2ObjectHashMap<>();
  private final Long2ObjectHashMap<SetupQuota> rations = new Long2ObjectHashMap<>();
  private final StreamTrust trust;
  private final ByteBuffer cookie =
      BufferUtil.allocateDirectAligned(RttMeasurementFlyweight.HEADER_LENGTH, Long.BYTES);
  private final RttMeasurementFlyweight cookieFrame =
      new RttMeasurementFlyweight(new UnsafeBuffer(cookie));
  private final SetupFlyweight setup = new SetupFlyweight();
  private @Nullable SentTail tail;
  private @Nullable SocketDescriptor socket;
  private @Nullable SegmentRun run;
  private boolean isStuck;
  private boolean isListed;

  OffloadSendEndpoint(
      UdpChannel channel,
      AtomicCounter status,
      MediaDriver.Context context,
      SegmentOffload offload,
      StreamTrust trust) {
    super(channel, status, context);
    this.offload = offload;
    this.trust = trust;
    this.clock = context.senderCachedNanoClock();
    this.bytesSent = context.systemCounters().get(SystemCounterDescriptor.BYTES_SENT);
    this.retransmits = context.systemCounters().get(SystemCounterDescriptor.RETRANSMITS_SENT);
    this.retransmittedBytes =
        context.systemCounters().get(SystemCounterDescriptor.RETRANSMITTED_BYTES);
  }

  private static MethodHandle sendMore() {
    try {
      return MethodHandles.privateLookupIn(NetworkPublication.class, MethodHandles.lookup())
          .findVirtual(
              NetworkPublication.class, "send", MethodType.methodType(int.class, long.class));
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @Override
  public void openChannel() {
    super.openChannel();
    if (connectAddress != null) {
      socket = offload.sendingSocket(sendDatagramChannel);
      run = socket == null ? null : new SegmentRun(socket);
    }
  }

  @Override
  public void registerForSend(NetworkPublication publication) {
    super.registerForSend(publication);
    publications.add(publication);
    int session = publication.sessionId();
    int stream = publication.streamId();
    long id = Hashing.compoundKey(session, stream);
    tails.put(id, new SentTail(session, stream));
    if (trust.takeAnswer(session, stream)) {
      rations.put(id, new SetupQuota());
    }
  }

  @Override
  public void unregisterForSend(NetworkPublication publication) {
    leaveNoDatagram();
    super.unregisterForSend(publication);
    publications.remove(publication);
    long id = Hashing.compoundKey(publication.sessionId(), publication.streamId());
    tails.remove(id);
    rations.remove(id);
    tail = null;
  }

  /** The memory goes: what the kernel does not take now is lost as if on the line. */
  private void leaveNoDatagram() {
    flush();
    if (run != null) {
      run.clear();
    }
  }

  @Override
  public int send(ByteBuffer buffer) {
    int length = buffer.remaining();
    frame.wrap(buffer, buffer.position(), length);
    int type = frame.getShort(HeaderFlyweight.TYPE_FIELD_OFFSET);
    boolean isData = type == HeaderFlyweight.HDR_TYPE_DATA || type == HeaderFlyweight.HDR_TYPE_PAD;
    if (isData && !DataHeaderFlyweight.isHeartbeat(frame, length)) {
      return sendData(buffer, length);
    }
    if (type == HeaderFlyweight.HDR_TYPE_SETUP && !mayAsk()) {
      return length; // as if lost on the line
    }
    if (!flush()) {
      return 0;
    }
    if (isData) {
      sendTailAgain();
    }
    return super.send(buffer);
  }

  /** The frame at hand is a setup. */
  private boolean mayAsk() {
    if (rations.isEmpty()) {
      return true;
    }
    setup.wrap(frame, 0, frame.capacity());
    SetupQuota ration = rations.get(Hashing.compoundKey(setup.sessionId(), setup.streamId()));
    return ration == null || ration.take(clock.nanoTime());
  }

  /** Its receiver knows the stream's random number, so it receives what is sent there. */
  private void heardFrom(int session, int stream) {
    if (!rations.isEmpty()) {
      rations.remove(Hashing.compoundKey(session, stream));
    }
  }

  private int sendData(ByteBuffer term, int length) {
    int offset = term.position();
    SegmentRun into = run;
    int sent;
    if (into == null) {
      sent = super.send(term);
    } else {
      sent = gather(into, BufferUtil.address(term) + offset, length);
    }
    if (sent == length) {
      SentTail of = tailOfFrame();
      if (of != null) {
        of.sent(term, offset, length, frame.getInt(DataHeaderFlyweight.TERM_ID_FIELD_OFFSET));
      }
    }
    return sent;
  }

  /** Aeron asks again for what was not sent. */
  private int gather(SegmentRun into, long address, int length) {
    if ((isStuck || !into.takes(length)) && !flush()) {
      return 0;
    }
    into.add(address, length);
    if (into.isFull()) {
      flush();
    } else if (!isListed) {
      isListed = true;
      offload.add(this);
    }
    return length;
  }

  private @Nullable SentTail tailOfFrame() {
    int session = frame.getInt(DataHeaderFlyweight.SESSION_ID_FIELD_OFFSET);
    int stream = frame.getInt(DataHeaderFlyweight.STREAM_ID_FIELD_OFFSET);
    SentTail last = tail;
    if (last == null || !last.isOf(session, stream)) {
      last = tails.get(Hashing.compoundKey(session, stream));
      tail = last;
    }
    return last;
  }

  /** The frame at hand is a heartbeat. */
  private void sendTailAgain() {
    SentTail of = tailOfFrame();
    ByteBuffer missing =
        of == null
            ? null
            : of.missing(
                frame.getInt(DataHeaderFlyweight.TERM_ID_FIELD_OFFSET),
                frame.getInt(DataHeaderFlyweight.TERM_OFFSET_FIELD_OFFSET));
    if (missing != null) {
      int length = missing.remaining();
      if (super.send(missing) == length) {
        retransmits.incrementRelease();
        retransmittedBytes.getAndAddRelease(length);
      }
    }
  }

  /**
   * Ends a duty cycle: fills the run that was begun, and has it leave.
   *
   * @return bytes that the publications handed over
   */
  int endCycle() {
    SegmentRun begun = run;
    if (begun == null) {
      return 0;
    }
    int more = 0;
    for (int i = 0; i < publications.size(); i++) {
      int handedOver = 1;
      while (handedOver > 0 && !isStuck && !(begun.isEmpty() && more >= ENOUGH_BYTES)) {
        handedOver = sendMore(publications.get(i));
        more += handedOver;
      }
    }
    bytesSent.getAndAddRelease(more);
    flush();
    return more;
  }

  private int sendMore(NetworkPublication publication) {
    try {
      return (int) SEND_MORE.invokeExact(publication, clock.nanoTime());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** True while there is something left for the next duty cycle's end; said no, it forgets it. */
  boolean staysListed() {
    isListed = run != null && !run.isEmpty();
    return isListed;
  }

  /** Has the run leave; false when the kernel does not take it now. */
  private boolean flush() {
    SegmentRun leaving = run;
    if (leaving == null || leaving.isEmpty()) {
      isStuck = false;
      return true;
    }
    int result = leaving.send();
    if (isRefusal(result) && leaving.isCut()) {
      offload.refusedSending(connectAddress, -result);
      leaving.endSegmenting();
      result = leaving.send();
    }
    if (result == -SocketCalls.ECONNREFUSED) {
      // Said of an earlier datagram, and once; Aeron does not care either.
      result = leaving.send();
    }
    isStuck = result != 0;
    if (isStuck && !isPassing(result)) {
      onSendError(new IOException("errno " + -result), connectAddress, errorHandler);
    }
    if (isStuck && !isListed) {
      isListed = true;
      offload.add(this);
    }
    return !isStuck;
  }

  /** What kernels and network cards answer that cannot cut this run. */
  private static boolean isRefusal(int result) {
    return switch (-result) {
      case SocketCalls.EINVAL, SocketCalls.EIO, SocketCalls.EMSGSIZE, SocketCalls.EOPNOTSUPP ->
          true;
      default -> false;
    };
  }

  private static boolean isPassing(int result) {
    return switch (-result) {
      case SocketCalls.EAGAIN, SocketCalls.ENOBUFS, SocketCalls.ECONNREFUSED, SocketCalls.EBADF ->
          true;
      default -> false;
    };
  }

  /** Sends the cookie back, with what shows that this node knows the secret. */
  @Override
  public void onRttMeasurement(
      RttMeasurementFlyweight message, UnsafeBuffer buffer, int length, InetSocketAddress source) {
    int session = message.sessionId();
    int stream = message.streamId();
    if ((message.flags() & RttMeasurementFlyweight.REPLY_FLAG) == 0
        || !tails.containsKey(Hashing.compoundKey(session, stream))) {
      return;
    }
    heardFrom(session, stream);
    long asked = message.echoTimestampNs();
    cookieFrame
        .sessionId(session)
        .streamId(stream)
        .echoTimestampNs(asked)
        .receptionDelta(trust.tag(asked, session, stream))
        .receiverId(message.receiverId())
        .version(HeaderFlyweight.CURRENT_VERSION)
        .flags((short) 0)
        .headerType(HeaderFlyweight.HDR_TYPE_RTTM)
        .frameLength(RttMeasurementFlyweight.HEADER_LENGTH);
    cookie.clear();
    send(cookie);
  }

  @Override
  public void onNakMessage(
      NakFlyweight message, UnsafeBuffer buffer, int length, InetSocketAddress source) {
    if (run != null && run.isSegmenting()) {
      run.shorten();
    }
    super.onNakMessage(message, buffer, length, source);
  }

  @Override
  public void onStatusMessage(
      StatusMessageFlyweight message,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress source,
      DriverConductorProxy conductor) {
    heardFrom(message.sessionId(), message.streamId());
    super.onStatusMessage(message, buffer, length, source, conductor);
    SentTail of = tails.get(Hashing.compoundKey(message.sessionId(), message.streamId()));
    boolean isAsking = (message.flags() & StatusMessageFlyweight.SEND_SETUP_FLAG) != 0;
    if (of != null && !isAsking) {
      of.consumed(
          message.consumptionTermId(),
          message.consumptionTermOffset(),
          message.receiverWindowLength());
    }
  }

  @Override
  public void resolutionChange(String endpoint, InetSocketAddress newAddress) {
    leaveNoDatagram();
    super.resolutionChange(endpoint, newAddress);
  }

  /** The sender's thread, or the conductor's when no publication is left. */
  @Override
  public void close() {
    leaveNoDatagram();
    SocketDescriptor open = socket;
    if (open != null) {
      open.close();
    }
    super.close();
  }
}
