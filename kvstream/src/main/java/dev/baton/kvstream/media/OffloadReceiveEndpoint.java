package dev.baton.kvstream.media;

import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.ReceiveChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.logbuffer.LogBufferDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;
import org.agrona.BufferUtil;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;
import org.jspecify.annotations.Nullable;

/**
 * Receives datagrams of one source joined ({@code UDP_GRO}), where the system does that: all but
 * the last are handed on here, and the last is what Aeron's poller thinks it received, so that none
 * is held back. Frames of streams that were not let in ({@link StreamAdmission}) go no further.
 * What a source without admission is answered is the cookie alone, in Aeron's measurement of a
 * round trip, which Aeron's senders send back: no more bytes than it sent. Receiver's thread only,
 * but for {@link #close}.
 */
class OffloadReceiveEndpoint extends ReceiveChannelEndpoint {
  private final SegmentOffload offload;
  private final StreamLimits limits;
  private final StreamAdmission admission = new StreamAdmission();
  private final AtomicCounter bytesReceived;
  private final AtomicCounter invalidPackets;
  private final MessageHeader message = new MessageHeader();
  private final SourceAddresses sources = new SourceAddresses();
  private final UnsafeBuffer segment = new UnsafeBuffer(0, 0);
  private final DataHeaderFlyweight data = new DataHeaderFlyweight();
  private final SetupFlyweight setup = new SetupFlyweight();
  private final RttMeasurementFlyweight roundTrip = new RttMeasurementFlyweight();
  private @Nullable SocketDescriptor socket;

  OffloadReceiveEndpoint(
      UdpChannel channel,
      DataPacketDispatcher dispatcher,
      AtomicCounter status,
      MediaDriver.Context context,
      SegmentOffload offload,
      StreamLimits limits) {
    super(channel, dispatcher, status, context);
    this.offload = offload;
    this.limits = limits;
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
      return super.receive(buffer);
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
    }
    return isValid;
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
    if (admission.isAdmitted(session, stream, source)) {
      return super.onDataPacket(header, buffer, length, source, transport);
    }
    if (limits.takes(stream) && length >= RttMeasurementFlyweight.HEADER_LENGTH) {
      askForCookie(session, stream, source, transport);
    }
    return 0;
  }

  @Override
  public void onSetupMessage(
      SetupFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress source,
      int transport) {
    if (!limits.takes(header)) {
      invalidPackets.increment();
    } else if (admission.isAdmitted(header.sessionId(), header.streamId(), source)) {
      super.onSetupMessage(header, buffer, length, source, transport);
    } else {
      admission.keep(header, source);
      askForCookie(header.sessionId(), header.streamId(), source, transport);
    }
  }

  private void askForCookie(int session, int stream, InetSocketAddress source, int transport) {
    long cookie = admission.cookie(session, stream, source);
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
    if (admission.isAdmitted(session, stream, source)) {
      super.onRttMeasurement(header, buffer, length, source, transport);
    } else if (limits.takes(stream)
        && header.echoTimestampNs() == admission.cookie(session, stream, source)) {
      admission.admit(session, stream, source);
      DirectBuffer kept = admission.kept(session, stream, source);
      if (kept == null) {
        sendSetupElicitingStatusMessage(transport, source, session, stream);
      } else {
        setup.wrap(kept);
        super.onSetupMessage(setup, buffer, length, source, transport);
      }
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
