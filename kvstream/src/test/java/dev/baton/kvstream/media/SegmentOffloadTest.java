package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.kvstream.media.DriverPair.Settings;
import dev.baton.kvstream.media.OffloadReport.Kind;
import io.aeron.driver.ThreadingMode;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.logbuffer.LogBufferDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole drivers over real sockets; every byte is compared. */
@Timeout(120)
class SegmentOffloadTest {
  private static final long SOME = 6 << 20;
  private static final int MESSAGE = 40_000;
  private static final SegmentOffload OFF = SegmentOffload.off("the test wants it so");

  private static SegmentOffload offload(boolean on) {
    return on ? SegmentOffload.open() : SegmentOffload.off("the test wants it so");
  }

  @BeforeAll
  static void needsLinux() {
    assumeTrue(LinuxSocketCalls.obstacle().isEmpty());
    assumeTrue(SegmentOffload.open().report().sending().kind() == Kind.RUNS);
  }

  @ParameterizedTest
  @CsvSource({
    "SHARED,true,true",
    "DEDICATED,true,true",
    "SHARED_NETWORK,true,true",
    "SHARED,true,false",
    "SHARED,false,true",
    "SHARED,false,false"
  })
  void shouldMoveEveryByteWhoeverUsesRuns(ThreadingMode threads, boolean sends, boolean receives) {
    Settings settings =
        Settings.usual().threads(threads).offload(offload(sends), offload(receives));
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(SOME, MESSAGE);
      assertEquals(List.of(), pair.errors);
    }
  }

  @ParameterizedTest
  @CsvSource({"512", "1408", "8192", "65504"})
  void shouldMoveEveryByteInDatagramsOfAnyLength(int mtu) {
    Settings settings = Settings.usual().sizes(mtu, 1 << 20, 256 << 10, 512 << 10);
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(SOME, MESSAGE);
      pair.transfer(SOME / 8, 1);
      assertEquals(List.of(), pair.errors);
    }
  }

  @ParameterizedTest
  @CsvSource({"[::1]", "localhost"})
  void shouldMoveEveryByteToAnyKindOfAddress(String host) {
    try (DriverPair pair = new DriverPair(Settings.usual().host(host))) {
      pair.transfer(SOME, MESSAGE);
      assertEquals(List.of(), pair.errors);
    }
  }

  @Test
  void shouldCallTheSystemOnceForARun() {
    OddSystem sending = new OddSystem();
    OddSystem receiving = new OddSystem();
    Settings settings =
        Settings.usual().offload(SegmentOffload.over(sending), SegmentOffload.over(receiving));
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(SOME, MESSAGE, MESSAGE);
      long datagrams = pair.position() / settings.mtuBytes();
      assertTrue(sending.sends() * 8 < datagrams, sending.sends() + " calls for " + datagrams);
      assertTrue(receiving.receives() * 8 < datagrams, receiving.receives() + " of " + datagrams);
      // Give or take heartbeats and the like; padding at a term's end stays at home.
      assertEquals(pair.position(), pair.sent(SystemCounterDescriptor.BYTES_SENT), 20_000);
      int frames =
          LogBufferDescriptor.computeFragmentedFrameLength(
              MESSAGE, settings.mtuBytes() - DataHeaderFlyweight.HEADER_LENGTH);
      long travelled = Math.ceilDiv(SOME, MESSAGE) * frames;
      assertEquals(travelled, pair.received(SystemCounterDescriptor.BYTES_RECEIVED), 20_000);
    }
  }

  @Test
  void shouldSendOneByOneWhereTheSystemKnowsNoRuns() {
    OddSystem old = new OddSystem().refusingOptions(SocketCalls.ENOPROTOOPT);
    SegmentOffload sending = SegmentOffload.over(old);
    SegmentOffload receiving = SegmentOffload.over(old);
    assertEquals(Kind.SINGLE, sending.report().sending().kind());
    assertEquals("the kernel refuses UDP_SEGMENT, errno 92", sending.report().sending().why());
    assertEquals("the kernel refuses UDP_GRO, errno 92", receiving.report().receiving().why());
    try (DriverPair pair = new DriverPair(Settings.usual().offload(sending, receiving))) {
      pair.transfer(SOME, MESSAGE);
      assertEquals(0, old.sends() + old.receives());
    }
  }

  @ParameterizedTest
  @CsvSource({"5", "22", "90", "95"})
  void shouldGoOnOneByOneWhenARunIsRefusedOnItsWay(int errno) {
    OddSystem odd = new OddSystem();
    odd.answeringSends(nth -> nth == 100 ? errno : 0);
    SegmentOffload sending = SegmentOffload.over(odd);
    try (DriverPair pair = new DriverPair(Settings.usual().offload(sending, OFF))) {
      pair.transfer(SOME, MESSAGE, MESSAGE);
      String why = sending.report().sending().why();
      assertTrue(why.startsWith("a run of datagrams to "), why);
      assertTrue(why.endsWith("was refused, errno " + errno), why);
      assertEquals(Kind.SINGLE, sending.report().sending().kind());
      assertEquals(List.of(), pair.errors);
      assertEquals(0, pair.received(SystemCounterDescriptor.NAK_MESSAGES_SENT));
    }
  }

  @Test
  void shouldLoseNothingWhenTheSystemTakesNoMoreForAWhile() {
    OddSystem full = new OddSystem();
    full.answeringSends(nth ->
        switch ((int) (nth % 7)) {
          case 0, 1 -> SocketCalls.EAGAIN;
          case 3 -> SocketCalls.ENOBUFS;
          case 5 -> SocketCalls.ECONNREFUSED;
          default -> 0;
        });
    SegmentOffload sending = SegmentOffload.over(full);
    try (DriverPair pair = new DriverPair(Settings.usual().offload(sending, offload(true)))) {
      pair.transfer(SOME, MESSAGE);
      assertEquals(Kind.RUNS, sending.report().sending().kind());
      assertEquals(List.of(), pair.errors);
      assertEquals(0, pair.received(SystemCounterDescriptor.NAK_MESSAGES_SENT));
    }
  }

  @ParameterizedTest
  @CsvSource({"0.001,true", "0.01,true", "0.01,false", "0.1,true"})
  void shouldMoveEveryByteOverALinkThatLoses(double share, boolean receives) {
    Settings settings =
        Settings.usual()
            .offload(offload(true), offload(receives))
            .loss(LossyEndpoint.share(share, 17));
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(SOME / 2, MESSAGE);
      assertEquals(List.of(), pair.errors);
      assertTrue(pair.sent(SystemCounterDescriptor.RETRANSMITS_SENT) > 0);
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void shouldMoveEveryByteIntoASmallReceiveBuffer(boolean receives) {
    Settings settings =
        Settings.usual()
            .offload(offload(true), offload(receives))
            .sizes(1408, 1 << 20, 100 << 10, 100 << 10);
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(SOME, MESSAGE);
      assertEquals(List.of(), pair.errors);
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void shouldOutliveOutagesHoweverTermsEnd(boolean on) {
    // Long messages: each term ends with padding that carries the sender past its limit.
    Settings settings =
        Settings.usual()
            .offload(offload(on), offload(on))
            .loss(LossyEndpoint.outages(20, 137))
            .sizes(1408, 1 << 20, 512 << 10, 2 << 20);
    try (DriverPair pair = new DriverPair(settings)) {
      pair.transfer(16 << 20, 60_000, 120_000);
      assertEquals(List.of(), pair.errors);
    }
  }

  /**
   * Eight messages fill a term up to padding, the receiver has taken four, so that what it grants,
   * half a term, ends inside that padding; the eighth message and the padding are lost. Aeron's
   * heartbeats from behind the padding are none to the receiver.
   */
  @ParameterizedTest
  @CsvSource({"true", "false"})
  void shouldHearOfALostTailThoughPaddingCarriedTheSenderPastItsLimit(boolean on) {
    int message = 120_000;
    AtomicBoolean isOut = new AtomicBoolean();
    int framed = LogBufferDescriptor.computeFragmentedFrameLength(message, 1408 - 32);
    LossyEndpoint.Loss loss =
        (frame, length) ->
            isOut.get()
                && !DataHeaderFlyweight.isHeartbeat(frame, length)
                && frame.getInt(DataHeaderFlyweight.TERM_OFFSET_FIELD_OFFSET) >= 7 * framed;
    Settings settings =
        Settings.usual()
            .offload(offload(on), offload(on))
            .loss(loss)
            .sizes(1408, 1 << 20, 512 << 10, 2 << 20);
    try (DriverPair pair = new DriverPair(settings)) {
      pair.lengths(message);
      isOut.set(true);
      for (int i = 0; i < 4; i++) {
        pair.await(() -> pair.offer() > 0);
      }
      pair.await(() -> pair.received(SystemCounterDescriptor.BYTES_RECEIVED) >= 4 * framed);
      pair.rest(50);
      pair.takeAtOnce(4);
      for (int i = 4; i < 8; i++) {
        pair.await(() -> pair.offer() > 0);
      }
      pair.await(() -> pair.offer() > 0 || pair.position() >= settings.termBytes());
      pair.rest(300);
      isOut.set(false);
      pair.rest(2 * TimeUnit.NANOSECONDS.toMillis(DriverPair.LIVENESS_NS));
      pair.take(4);
      assertEquals(List.of(), pair.errors);
    }
  }

  /**
   * Not in CI: Aeron's poller makes an iterator each turn ({@code DataTransportPoller}), which the
   * JVM compiles away sooner, later or never, and nothing else was seen to be allocated.
   */
  @Tag("soak")
  @Test
  void shouldAllocateNothingWhileItStreams() {
    Settings settings = Settings.usual().threads(ThreadingMode.DEDICATED);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (DriverPair pair = new DriverPair(settings)) {
      long[] ids =
          Thread.getAllStackTraces().keySet().stream()
              .filter(it -> it.getName().equals("sender") || it.getName().equals("receiver"))
              .mapToLong(Thread::threadId)
              .toArray();
      assertEquals(4, ids.length);
      List<Long> allocated = new ArrayList<>();
      do {
        assertTrue(allocated.size() < 60, () -> "bytes allocated in each stretch: " + allocated);
        long before = sum(threads.getThreadAllocatedBytes(ids));
        pair.transfer(SOME, MESSAGE);
        allocated.add(sum(threads.getThreadAllocatedBytes(ids)) - before);
        // One object for each run would be some thousand bytes; the JDK has 256 now and then.
      } while (allocated.getLast() > 512);
    }
  }

  private static long sum(long[] values) {
    long sum = 0;
    for (long value : values) {
      sum += value;
    }
    return sum;
  }
}
