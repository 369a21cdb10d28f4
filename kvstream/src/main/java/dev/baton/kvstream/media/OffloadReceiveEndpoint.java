package dev.baton.kvstream.media;

import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.ImageConnection;
import io.aeron.driver.media.ReceiveChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.logbuffer.LogBufferDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.ErrorFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.NakFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import io.aeron.protocol.StatusMessageFlyweight;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;
import org.agrona.BufferUtil;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.CachedNanoClock;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;
import org.jspecify.annotations.Nullable;

/**
 * Receives datagrams of one source joined ({@code UDP_GRO}), where the system does that: all but
 * the last are handed on here, and the last is what Aeron's poller thinks it received, so that none
 * is held back. Frames of streams that were not let in ({@link StreamAdmission}) go no further.
 * What a source without admission is answered is the cookie alone, in Aeron's measurement of a
 * round trip, which Aeron's senders send back: no more bytes than it sent. Ours add, where Aeron
 * has a delay, what shows that they know the secret. Receiver's thread only, but for {@link
 * #close}.
 */
class OffloadReceiveEndpoint extends ReceiveChannelEndpoint {
  private static final long PLACE_SLACK_NS = 3_000_000_000L;

  /**
   * Who may come in.
   *
   * @param limits which streams there are
   * @param trust who is no stranger
   * @param strangers counts what strangers send
   */
  record Gate(StreamLimits limits, StreamTrust trust, StrangerLog strangers) {}

  private final SegmentOffload offload;
  private final StreamLimits limits;
  private final StreamTrust trust;
  private final StrangerLog strangers;
  private final StreamAdmission admission;
  private final CachedNanoClock clock;
  private final AtomicCounter bytesReceived;
  private final AtomicCounter invalidPackets;
  private final MessageHeader message = new MessageHeader();
  private final SourceAddresses sources = new SourceAddresses();
  private final UnsafeBuffer segment = new UnsafeBuffer(0, 0);
  private final DataHeaderFlyweight data = new DataHeaderFlyweight();
  private final SetupFlyweight setup = new SetupFlyweight();
  private final RttMeasurementFlyweight roundTrip = new RttMeasurementFlyweight();
  private @Nullable SocketDescriptor socket;
  private @Nullable InetSocketAddress sender;

  OffloadReceiveEndpoint(
      UdpChannel channel,
      DataPacketDispatcher dispatcher,
      AtomicCounter status,
      MediaDriver.Context context,
      SegmentOffload offload,
      Gate gate) {
    super(channel, dispatcher, status, context);
    this.offload = offload;
    this.limits = gate.limits();
    this.trust = gate.trust();
    this.strangers = gate.strangers();
    this.clock = context.receiverCachedNanoClock();
    // An image is silent for one of these until it is given up, and lingers for another.
    long placeNs = 2 * context.imageLivenessTimeoutNs() + PLACE_SLACK_NS;
    this.admission = new StreamAdmission(trust, placeNs);
    this.bytesReceived = context.systemCounters().get(SystemCounterDescriptor.BYTES_RECEIVED);
    this.invalidPackets = context.systemCounters().get(SystemCounterDescriptor.INVALID_PACKETS);
  }

  @Override
  public void openChannel() {
    super.openChannel();
    if (receiveDatagramChannel != null) {
      socket = offload.receivingSocket(receiveDatagramChannel);
    }
  }

  @Override
  public @Nullable InetSocketAddress receive(ByteBuffer buffer) {
    SocketDescriptor from = socket;
    if (from == null) {
      sender = super.receive(buffer);
      return sender;
    }
    buffer.clear();
    long address = BufferUtil.address(buffer);
    message.toReceive(address, buffer.capacity());
    int received = from.receive(message);
    if (received < 0) {
      return nothing(-received);
    }
    InetSocketAddress source = sources.of(message.name());
    int segmentBytes = message.receivedSegmentBytes();
    sender = source;
    if (source == null) {
      return null;
    }
    int last = 0;
    if (segmentBytes > 0 && received > segmentBytes) {
      last = (received - 1) / segmentBytes * segmentBytes;
      handOn(address, last, segmentBytes, source);
      segment.wrap(address, received);
      segment.putBytes(0, segment, last, received - last);
      bytesReceived.getAndAddRelease(last);
    }
    // Longer than any datagram of ours: what was cut off makes the rest worthless.
    buffer.position(message.isTruncated() ? 0 : received - last);
    return source;
  }

  private @Nullable InetSocketAddress nothing(int errno) {
    return switch (errno) {
      case SocketCalls.EAGAIN, SocketCalls.ECONNREFUSED, SocketCalls.EBADF -> null;
      default -> throw new UncheckedIOException(new IOException("recvmsg: errno " + errno));
    };
  }

  private void handOn(long address, int bytes, int segmentBytes, InetSocketAddress source) {
    for (int at = 0; at < bytes; at += segmentBytes) {
      try {
        handOn(address + at, segmentBytes, source);
      } catch (RuntimeException e) {
        // As Aeron's poller does with a datagram: the others are none the worse.
        errorHandler.onError(e);
      }
    }
  }

  private void handOn(long address, int length, InetSocketAddress source) {
    segment.wrap(address, length);
    if (!isValidFrame(segment, length)) {
      return;
    }
    receiveHook(segment, length, source);
    switch (FrameDescriptor.frameType(segment, 0)) {
      case HeaderFlyweight.HDR_TYPE_DATA, HeaderFlyweight.HDR_TYPE_PAD -> {
        data.wrap(address, length);
        onDataPacket(data, segment, length, source, 0);
      }
      case HeaderFlyweight.HDR_TYPE_SETUP -> {
        setup.wrap(address, length);
        onSetupMessage(setup, segment, length, source, 0);
      }
      case HeaderFlyweight.HDR_TYPE_RTTM -> {
        roundTrip.wrap(address, length);
        onRttMeasurement(roundTrip, segment, length, source, 0);
      }
      default -> {
        // None that a receiver is sent.
      }
    }
  }

  /** Lengths that lie would have Aeron read or write beyond the frame. */
  @Override
  public boolean isValidFrame(UnsafeBuffer buffer, int length) {
    if (!super.isValidFrame(buffer, length)) {
      noteGarbage();
      return false;
    }
    boolean isValid =
        switch (FrameDescriptor.frameType(buffer, 0)) {
          case HeaderFlyweight.HDR_TYPE_DATA, HeaderFlyweight.HDR_TYPE_PAD ->
              areWholeFrames(buffer, length);
          case HeaderFlyweight.HDR_TYPE_SETUP -> length >= SetupFlyweight.HEADER_LENGTH;
          case HeaderFlyweight.HDR_TYPE_RTTM -> length >= RttMeasurementFlyweight.HEADER_LENGTH;
          default -> true; // nobody looks at it
        };
    if (!isValid) {
      invalidPackets.increment();
      noteGarbage();
    }
    return isValid;
  }

  private void noteGarbage() {
    InetSocketAddress from = sender;
    if (from != null) {
      strangers.note(StrangerLog.Kind.GARBAGE, from);
    }
  }

  /** A datagram is a heartbeat, or frames one after another, padding's header at the most last. */
  private static boolean areWholeFrames(UnsafeBuffer buffer, int length) {
    if (length < DataHeaderFlyweight.HEADER_LENGTH) {
      return false;
    }
    int termOffset = buffer.getInt(DataHeaderFlyweight.TERM_OFFSET_FIELD_OFFSET);
    if (termOffset < 0 || termOffset % FrameDescriptor.FRAME_ALIGNMENT != 0) {
      return false;
    }
    if (DataHeaderFlyweight.isHeartbeat(buffer, length)) {
      return true;
    }
    int at = 0;
    boolean isLast = false;
    while (!isLast && length - at >= DataHeaderFlyweight.HEADER_LENGTH) {
      int frameLength = buffer.getInt(at);
      if (frameLength < DataHeaderFlyweight.HEADER_LENGTH
          || frameLength > LogBufferDescriptor.TERM_MAX_LENGTH) {
        return false;
      }
      isLast = FrameDescriptor.isPaddingFrame(buffer, at);
      at +=
          isLast
              ? DataHeaderFlyweight.HEADER_LENGTH
              : BitUtil.align(frameLength, FrameDescriptor.FRAME_ALIGNMENT);
    }
    return at == length;
  }

  @Override
  public int onDataPacket(
      DataHeaderFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress source,
      int transport) {
    int session = header.sessionId();
    int stream = header.streamId();
    AdmittedStream from = admission.find(session, stream, source);
    if (from != null) {
      heard(from, length);
      return super.onDataPacket(header, buffer, length, source, transport);
    }
    if (limits.takes(stream) && length >= RttMeasurementFlyweight.HEADER_LENGTH) {
      askForCookie(session, stream, source, transport);
    } else {
      strangers.note(StrangerLog.Kind.GARBAGE, source);
    }
    return 0;
  }

  private void heard(AdmittedStream from, int length) {
    if (from.isStrange()) {
      from.heard(length, clock.nanoTime());
    }
  }

  @Override
  public void onSetupMessage(
      SetupFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress source,
      int transport) {
    AdmittedStream from = admission.find(header.sessionId(), header.streamId(), source);
    if (!limits.takes(header) || (from != null && !from.takesTerms(header.termLength()))) {
      invalidPackets.increment();
      strangers.note(StrangerLog.Kind.GARBAGE, source);
    } else if (from != null) {
      heard(from, length);
      super.onSetupMessage(header, buffer, length, source, transport);
    } else if (isWelcome(header.sessionId(), header.streamId())) {
      admission.keep(header, source);
      askForCookie(header.sessionId(), header.streamId(), source, transport);
    } else {
      strangers.note(StrangerLog.Kind.SILENT, source);
    }
  }

  private boolean isWelcome(int session, int stream) {
    return !limits.isAwaited(stream) || trust.vouchesFor(session, stream);
  }

  private void askForCookie(int session, int stream, InetSocketAddress source, int transport) {
    strangers.note(StrangerLog.Kind.SILENT, source);
    long cookie = admission.cookie(session, stream, source, clock.nanoTime());
    sendRttMeasurement(transport, source, session, stream, cookie, 0, true);
  }

  @Override
  public void onRttMeasurement(
      RttMeasurementFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress source,
      int transport) {
    int session = header.sessionId();
    int stream = header.streamId();
    long cookie = header.echoTimestampNs();
    if (admission.find(session, stream, source) != null) {
      super.onRttMeasurement(header, buffer, length, source, transport);
    } else if (limits.takes(stream)
        && isWelcome(session, stream)
        && admission.isCookie(cookie, session, stream, source, clock.nanoTime())) {
      strangers.takeBack();
      boolean isKnown =
          trust.vouchesFor(session, stream)
              || trust.tag(cookie, session, stream) == header.receptionDelta();
      if (!isKnown && header.receptionDelta() != 0) {
        strangers.note(StrangerLog.Kind.OTHER_KEY, source);
      }
      letIn(session, stream, isKnown, source, transport);
    } else {
      strangers.note(StrangerLog.Kind.GARBAGE, source);
    }
  }

  /** Its source has sent the cookie back. */
  private void letIn(
      int session, int stream, boolean isKnown, InetSocketAddress source, int transport) {
    DirectBuffer kept = admission.kept(session, stream, source);
    if (isKnown) {
      admission.admit(session, stream, source);
    }
    if (kept == null) {
      super.sendSetupElicitingStatusMessage(transport, source, session, stream);
      return;
    }
    setup.wrap(kept);
    if (!isKnown) {
      AdmittedStream strange = admission.admitStranger(setup, source, clock.nanoTime());
      if (strange == null) {
        strangers.note(StrangerLog.Kind.NO_PLACE, source);
        return;
      }
      strange.heard(
          SetupFlyweight.HEADER_LENGTH + RttMeasurementFlyweight.HEADER_LENGTH, clock.nanoTime());
      strange.takeAnswer(RttMeasurementFlyweight.HEADER_LENGTH);
    }
    super.onSetupMessage(setup, segment, SetupFlyweight.HEADER_LENGTH, source, transport);
  }

  // What Aeron sends to the sources of streams: to strangers no more than they send.

  @Override
  public void sendSetupElicitingStatusMessage(
      int transport, InetSocketAddress to, int session, int stream) {
    if (admission.takeAnswer(session, stream, StatusMessageFlyweight.HEADER_LENGTH)) {
      super.sendSetupElicitingStatusMessage(transport, to, session, stream);
    }
  }

  @Override
  public void sendStatusMessage(
      ImageConnection[] to,
      int session,
      int stream,
      int termId,
      int termOffset,
      int window,
      short flags) {
    if (admission.takeAnswer(session, stream, StatusMessageFlyweight.HEADER_LENGTH)) {
      super.sendStatusMessage(to, session, stream, termId, termOffset, window, flags);
    }
  }

  @Override
  public void sendNakMessage(
      ImageConnection[] to, int session, int stream, int termId, int termOffset, int length) {
    if (admission.takeAnswer(session, stream, NakFlyweight.HEADER_LENGTH)) {
      super.sendNakMessage(to, session, stream, termId, termOffset, length);
    }
  }

  @Override
  public void sendErrorFrame(
      ImageConnection[] to, int session, int stream, int errorCode, String message) {
    if (admission.takeAnswer(session, stream, ErrorFlyweight.HEADER_LENGTH + message.length())) {
      super.sendErrorFrame(to, session, stream, errorCode, message);
    }
  }

  /** The conductor's thread, when the receiver polls this endpoint no more. */
  @Override
  public void close() {
    SocketDescriptor open = socket;
    if (open != null) {
      open.close();
    }
    super.close();
  }
}
