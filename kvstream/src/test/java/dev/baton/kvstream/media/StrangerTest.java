package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.media.DriverPair.Settings;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.SplittableRandom;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a source that has proved nothing gets of a node: no memory, and no more than it sends. */
@Timeout(60)
class StrangerTest {
  private static final int FRAMES = 500;

  private final SplittableRandom random = new SplittableRandom(3);
  private final ByteBuffer bytes = ByteBuffer.allocateDirect(128);
  private long sentBytes;
  private long gotBytes;
  private long gotFrames;

  private static DatagramChannel channelTo(DriverPair pair) throws IOException {
    DatagramChannel channel = DatagramChannel.open();
    int port = Integer.parseInt(pair.endpoint().substring(pair.endpoint().lastIndexOf(':') + 1));
    channel.connect(new InetSocketAddress("127.0.0.1", port));
    channel.configureBlocking(false);
    return channel;
  }

  private void send(DatagramChannel channel, int length) throws IOException {
    sentBytes += channel.write(bytes.clear().limit(length));
  }

  private void setup(DatagramChannel channel, int session, int termBytes) throws IOException {
    new SetupFlyweight(new UnsafeBuffer(bytes))
        .initialTermId(5)
        .activeTermId(5)
        .termOffset(0)
        .sessionId(session)
        .streamId(2)
        .termLength(termBytes)
        .mtuLength(1408)
        .version(HeaderFlyweight.CURRENT_VERSION)
        .headerType(HeaderFlyweight.HDR_TYPE_SETUP)
        .frameLength(SetupFlyweight.HEADER_LENGTH);
    send(channel, SetupFlyweight.HEADER_LENGTH);
  }

  private void data(DatagramChannel channel, int session, int length) throws IOException {
    new DataHeaderFlyweight(new UnsafeBuffer(bytes))
        .sessionId(session)
        .streamId(1 + random.nextInt(2))
        .termId(1)
        .termOffset(0)
        .version(HeaderFlyweight.CURRENT_VERSION)
        .headerType(HeaderFlyweight.HDR_TYPE_DATA)
        .frameLength(length == DataHeaderFlyweight.HEADER_LENGTH ? 0 : length);
    send(channel, length);
  }

  private void read(DatagramChannel channel) throws IOException {
    ByteBuffer answer = ByteBuffer.allocate(2048);
    for (int got = channel.read(answer); got > 0; got = channel.read(answer.clear())) {
      gotBytes += got;
      gotFrames++;
    }
  }

  @Test
  void shouldGetNoMoreThanItSends() throws Exception {
    try (DriverPair pair = new DriverPair(Settings.usual());
        DatagramChannel stranger = channelTo(pair)) {
      long before = pair.receiverBytes();
      for (int i = 0; i < FRAMES; i++) {
        switch (i % 3) {
          case 0 -> setup(stranger, random.nextInt(), 1 << (14 + random.nextInt(17)));
          case 1 -> data(stranger, random.nextInt(), DataHeaderFlyweight.HEADER_LENGTH);
          default -> data(stranger, random.nextInt(), 64);
        }
        pair.rest(1);
        read(stranger);
      }
      for (int i = 0; i < 10; i++) {
        pair.rest(100);
        read(stranger);
      }
      assertTrue(gotFrames > 0);
      assertTrue(gotBytes <= sentBytes, gotBytes + " bytes for " + sentBytes);
      assertEquals(before, pair.receiverBytes());
      assertEquals(1, pair.images());
      pair.transfer(1 << 20, 40_000);
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void shouldGetAStreamForTheRightCookieOnly(boolean right) throws Exception {
    try (DriverPair pair = new DriverPair(Settings.usual());
        DatagramChannel peer = channelTo(pair)) {
      setup(peer, 77, 1 << 20);
      RttMeasurementFlyweight asked = new RttMeasurementFlyweight(new UnsafeBuffer(bytes));
      bytes.clear();
      pair.await(() -> {
        try {
          return peer.read(bytes.clear()) > 0;
        } catch (IOException e) {
          throw new AssertionError(e);
        }
      });
      assertEquals(HeaderFlyweight.HDR_TYPE_RTTM, asked.headerType());
      asked.flags((short) 0);
      asked.echoTimestampNs(asked.echoTimestampNs() ^ (right ? 0 : 1));
      send(peer, RttMeasurementFlyweight.HEADER_LENGTH);
      if (right) {
        pair.await(() -> pair.images() == 2);
      } else {
        pair.rest(300);
        assertEquals(1, pair.images());
      }
    }
  }

  @Test
  void shouldGetNoStreamWithTermsLongerThanAnyOfOurs() throws Exception {
    try (DriverPair pair = new DriverPair(Settings.usual());
        DatagramChannel peer = channelTo(pair)) {
      long before = pair.received(SystemCounterDescriptor.INVALID_PACKETS);
      for (int i = 0; i < 10; i++) {
        setup(peer, 77 + i, 1 << 30);
      }
      pair.await(() -> pair.received(SystemCounterDescriptor.INVALID_PACKETS) == before + 10);
      read(peer);
      assertEquals(0, gotFrames);
    }
  }
}
