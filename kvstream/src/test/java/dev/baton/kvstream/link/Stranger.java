package dev.baton.kvstream.link;

import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.message.ControlWriter;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.util.SplittableRandom;
import org.agrona.concurrent.UnsafeBuffer;

/** One source of datagrams that no node asked for; it counts what it sends and what it gets. */
final class Stranger implements AutoCloseable {
  private final DatagramChannel channel = DatagramChannel.open();
  private final ByteBuffer bytes = ByteBuffer.allocateDirect(2048).order(ByteOrder.LITTLE_ENDIAN);
  private final ByteBuffer heard = ByteBuffer.allocateDirect(2048).order(ByteOrder.LITTLE_ENDIAN);
  private final UnsafeBuffer buffer = new UnsafeBuffer(bytes);
  private final SplittableRandom random;
  private final String replyTo;
  long sentBytes;
  long gotBytes;

  /**
   * @param replyTo whom its greetings say they are from
   */
  Stranger(String address, InetSocketAddress node, String replyTo, SplittableRandom random)
      throws IOException {
    this.random = random;
    this.replyTo = replyTo;
    channel.bind(new InetSocketAddress(address, 0));
    channel.connect(node);
    channel.configureBlocking(false);
  }

  private void send(int length) throws IOException {
    sentBytes += channel.write(bytes.clear().limit(length));
  }

  /** A stream begins, with terms of such a length. */
  private int setup(int termBytes) throws IOException {
    int session = random.nextInt();
    new SetupFlyweight(buffer)
        .initialTermId(5)
        .activeTermId(5)
        .termOffset(0)
        .sessionId(session)
        .streamId(1 + random.nextInt(3))
        .termLength(termBytes)
        .mtuLength(1408)
        .version(HeaderFlyweight.CURRENT_VERSION)
        .headerType(HeaderFlyweight.HDR_TYPE_SETUP)
        .frameLength(SetupFlyweight.HEADER_LENGTH);
    send(SetupFlyweight.HEADER_LENGTH);
    return session;
  }

  private void garbage() throws IOException {
    byte[] anything = new byte[random.nextInt(1, 200)];
    random.nextBytes(anything);
    bytes.clear().put(0, anything);
    if (random.nextBoolean() && anything.length > 8) {
      bytes.put(4, (byte) 0).putShort(6, (short) random.nextInt(8));
    }
    send(anything.length);
  }

  private void data() throws IOException {
    dataHeader(random.nextInt(), 1 + random.nextInt(2), 64);
    send(64);
  }

  private void dataHeader(int session, int stream, int length) {
    new DataHeaderFlyweight(buffer)
        .sessionId(session)
        .streamId(stream)
        .termId(5)
        .termOffset(0)
        .version(HeaderFlyweight.CURRENT_VERSION)
        .flags((byte) 0xC0)
        .headerType(HeaderFlyweight.HDR_TYPE_DATA)
        .frameLength(length);
  }

  /** Sends one thing or another. */
  void knock() throws IOException {
    switch (random.nextInt(5)) {
      case 0 -> setup(1 << 30);
      case 1 -> setup(1 << (16 + random.nextInt(10)));
      case 2 -> garbage();
      case 3 -> data();
      default -> setup(64 << 10);
    }
  }

  /** Takes what was answered; a stream that is let in greets. */
  void listen() throws IOException {
    for (int got = channel.read(heard.clear()); got > 0; got = channel.read(heard.clear())) {
      gotBytes += got;
      if (heard.getShort(6) == HeaderFlyweight.HDR_TYPE_RTTM) {
        sendBack();
      } else if (heard.getShort(6) == HeaderFlyweight.HDR_TYPE_SM) {
        greet(heard.getInt(8), heard.getInt(12));
      }
    }
  }

  private void sendBack() throws IOException {
    bytes.clear();
    for (int at = 0; at < RttMeasurementFlyweight.HEADER_LENGTH; at++) {
      bytes.put(at, heard.get(at));
    }
    bytes.put(5, (byte) 0);
    send(RttMeasurementFlyweight.HEADER_LENGTH);
  }

  private void greet(int session, int stream) throws IOException {
    ControlWriter writer = new ControlWriter();
    int length =
        writer.hello(random.nextLong(), 0, StreamConfig.MIN_LEASE_NS, 0, Nodes.node(), replyTo);
    int frame = DataHeaderFlyweight.HEADER_LENGTH + length;
    buffer.putBytes(DataHeaderFlyweight.HEADER_LENGTH, writer.buffer(), 0, length);
    dataHeader(session, stream, frame);
    send((frame + 31) / 32 * 32);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
