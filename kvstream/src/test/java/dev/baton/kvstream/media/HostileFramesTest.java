package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kvstream.media.DriverPair.Settings;
import dev.baton.kvstream.media.OffloadReport.Kind;
import io.aeron.driver.status.SystemCounterDescriptor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.BufferUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A stranger sends runs of frames whose lengths lie, while others' stream goes on. */
@Timeout(120)
class HostileFramesTest {
  private static final long SEED = 20;

  @Test
  void shouldGoOnWhileAStrangerSendsRunsWhoseLengthsLie() throws Exception {
    assumeTrue(LinuxSocketCalls.obstacle().isEmpty());
    assumeTrue(SegmentOffload.open().report().sending().kind() == Kind.RUNS);
    AtomicBoolean enough = new AtomicBoolean();
    try (DriverPair pair = new DriverPair(Settings.usual())) {
      Thread stranger = Thread.ofPlatform().daemon().start(() -> send(pair.endpoint(), enough));
      try {
        pair.transfer(12 << 20, 40_000);
      } finally {
        enough.set(true);
        stranger.join();
      }
      assertTrue(pair.received(SystemCounterDescriptor.INVALID_PACKETS) > 100);
    }
  }

  private static void send(String endpoint, AtomicBoolean enough) {
    SplittableRandom random = new SplittableRandom(SEED);
    int port = Integer.parseInt(endpoint.substring(endpoint.lastIndexOf(':') + 1));
    ByteBuffer run = ByteBuffer.allocateDirect(64_000).order(ByteOrder.LITTLE_ENDIAN);
    MessageHeader message = new MessageHeader();
    try (DatagramChannel channel = DatagramChannel.open()) {
      channel.connect(new InetSocketAddress("127.0.0.1", port));
      SocketDescriptor socket = new SocketDescriptor(new LinuxSocketCalls(), channel);
      while (!enough.get()) {
        int segment = random.nextInt(1, 1400);
        int bytes = random.nextInt(1, Math.min(run.capacity(), 60 * segment) + 1);
        for (int at = 0; at < bytes; at += segment) {
          frame(run, at, Math.min(segment, bytes - at), random);
        }
        message.part(0, BufferUtil.address(run), bytes);
        message.toSend(1, bytes > segment ? segment : 0);
        socket.send(message);
        Thread.sleep(1);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** A frame of a kind that receivers take, whose fields are anything. */
  private static void frame(ByteBuffer run, int at, int length, SplittableRandom random) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    run.put(at, bytes);
    if (length < 24) {
      return;
    }
    int[] lies = {0, -1, 1, 31, 32, length, length + 32, 1 << 20, Integer.MAX_VALUE};
    run.putInt(at, lies[random.nextInt(lies.length)]);
    run.put(at + 4, (byte) 0);
    run.putShort(at + 6, (short) random.nextInt(0, 8));
    run.putInt(at + 8, lies[random.nextInt(lies.length)]);
    run.putInt(at + 12, random.nextInt(4));
    run.putInt(at + 16, 2);
  }
}
