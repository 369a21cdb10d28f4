package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.SliceRequestDecoder;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.MalformedMessage;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.agrona.collections.IntArrayList;
import org.junit.jupiter.api.Test;

/** The order in which a session's data leaves, without a network. */
class SendSessionTest {
  private static final int ALL = 1 << 30;
  private static final KvSource SOURCE = (layer, _, first, tokens, dst, offset) -> 0;
  private static final MemorySegment ROWS = MemorySegment.ofArray(new float[64 * 24]);

  private final NodeIdentity node = Nodes.node();
  private final RecordingKv out = new RecordingKv();
  private final AtomicInteger wakes = new AtomicInteger();

  private SendSession session(int tokens, int first, int boundary, long credit) {
    return new SendSession(
        Nodes.order(1, tokens, first, boundary, 4),
        node.states(),
        new Credit(credit, tokens),
        StreamConfig.USUAL_ROWS_BYTES,
        () -> 0,
        wakes::incrementAndGet);
  }

  @Test
  void shouldSendTheEarliestTokensFirstAndHiddenRowsBeforeKv() {
    SendSession session = session(8, 0, 2, ALL);
    session.begin(SOURCE);
    for (int first = 0; first < 8; first += 4) {
      session.slice(0, first, 4);
      session.slice(1, first, 4);
      session.hidden(first, 4, ROWS, first);
    }
    session.done(1, 2);
    session.pump(out, ALL, 0);
    // All was ready at once, so that the two chunks of a layer travel one after the other.
    assertEquals(
        List.of(
            "hidden 0+4",
            "hidden 4+4",
            "kv 0:0+4",
            "kv 0:4+4",
            "digest 0 of 8",
            "kv 1:0+4",
            "kv 1:4+4",
            "digest 1 of 8",
            "done 8"),
        out.sent);
  }

  @Test
  void shouldNotLetLaterTokensOfOneLayerPassEarlierOnesOfAnother() {
    SendSession session = session(12, 0, 2, ALL);
    session.begin(SOURCE);
    session.slice(0, 0, 4);
    session.slice(1, 0, 4);
    session.pump(out, 1, 0);
    session.slice(0, 4, 4);
    session.slice(0, 8, 4);
    session.pump(out, ALL, 0);
    assertEquals(
        List.of("kv 0:0+4", "kv 1:0+4", "kv 0:4+4", "kv 0:8+4", "digest 0 of 12"), out.sent);
  }

  @Test
  void shouldSendOnlyTheLastHiddenRowWhenTheBoundaryIsTheLastLayer() {
    SendSession session = session(8, 4, 5, ALL);
    session.begin(SOURCE);
    for (int layer = 0; layer < 5; layer++) {
      session.slice(layer, 0, 8);
    }
    session.hidden(0, 8, ROWS, 0);
    session.done(1, 2);
    session.pump(out, ALL, 0);
    assertEquals("hidden 7+1", out.sent.getFirst());
    assertEquals("kv 0:4+4", out.sent.get(1));
    assertEquals("done 1", out.sent.getLast());
  }

  @Test
  void shouldNeverSendMoreThanItIsCredited() {
    int tokenBytes = Nodes.SMALL.tokenBytes();
    SendSession session = session(8, 0, 5, 3L * tokenBytes + 5);
    session.begin(SOURCE);
    session.slice(0, 0, 8);
    session.pump(out, ALL, 0);
    assertEquals(List.of("kv 0:0+3"), out.sent);
    session.credit(2L * tokenBytes, 8, 0, 0);
    session.pump(out, ALL, 0);
    assertEquals(1, out.sent.size(), "credit is never taken back nor given twice");
    session.credit(8L * tokenBytes, 8, 0, 0);
    session.pump(out, ALL, 0);
    assertEquals(List.of("kv 0:0+3", "kv 0:3+4", "kv 0:7+1", "digest 0 of 8"), out.sent);
  }

  @Test
  void shouldTryAgainWhatTheStreamDidNotTake() {
    SendSession session = session(4, 0, 1, ALL);
    session.begin(SOURCE);
    out.taking = false;
    session.slice(0, 0, 4);
    session.hidden(0, 4, ROWS, 0);
    session.done(1, 2);
    assertEquals(0, session.pump(out, ALL, 5));
    out.taking = true;
    session.pump(out, ALL, 6);
    session.pump(out, ALL, 7);
    assertEquals(List.of("hidden 0+4", "kv 0:0+4", "digest 0 of 4", "done 4"), out.sent);
  }

  @Test
  void shouldBeStuckOnlyWhenSomethingWaitsForTheOtherSide() {
    SendSession session = session(4, 0, 1, ALL);
    session.begin(SOURCE);
    session.pump(out, ALL, 1000);
    assertFalse(session.isStuck(1000, 10), "slow compute is no fault of the receiver");
    out.taking = false;
    session.slice(0, 0, 4);
    session.pump(out, ALL, 1020);
    assertFalse(session.isStuck(1030, 10));
    session.pump(out, ALL, 1025);
    assertTrue(session.isStuck(1031, 10), "it has waited since the stream took nothing first");
    out.taking = true;
    session.hidden(0, 4, ROWS, 0);
    session.done(1, 2);
    session.pump(out, ALL, 1030);
    assertFalse(session.isStuck(1035, 10));
    session.pump(out, ALL, 1041);
    assertTrue(session.isStuck(1041, 10), "all was sent and the receipt is missing");
  }

  /** Of layer, first and count; the layer of the order's end for boundary rows. */
  private static SliceRequestDecoder request(
      int rowsLayer, long received, long credit, int... missing) {
    ControlWriter writer = new ControlWriter();
    IntArrayList ranges = new IntArrayList();
    for (int i = 0; i < missing.length; i += 3) {
      ranges.addInt(missing[i]);
      ranges.addInt(missing[i] == rowsLayer ? StateSlots.ROWS : 0);
      ranges.addInt(0);
      ranges.addInt(missing[i + 1]);
      ranges.addInt(missing[i + 2]);
    }
    writer.sliceRequest(1, received, new Credit(credit, 64), 0, ranges);
    return new SliceRequestDecoder()
        .wrapAndApplyHeader(writer.buffer(), 0, new MessageHeaderDecoder());
  }

  private SendSession allSent(int tokens, int boundary) {
    SendSession session = session(tokens, 0, boundary, ALL);
    session.begin(SOURCE);
    for (int layer = 0; layer < boundary; layer++) {
      session.slice(layer, 0, tokens);
    }
    session.hidden(0, tokens, ROWS, 0);
    session.done(1, 2);
    session.pump(out, ALL, 0);
    assertEquals("done " + tokens, out.sent.getLast());
    assertEquals(0, session.unsentBytes());
    out.sent.clear();
    return session;
  }

  @Test
  void shouldSendOnlyWhatIsMissingWhenItGoesOnOverANewConnection() {
    SendSession session = allSent(12, 3);
    session.pause(0);
    assertEquals(0, session.pump(out, ALL, 0), "nothing leaves before the receiver said what");
    // Layer 1 lacks its end, layer 2 a hole and its end, hidden rows their last one.
    session.resume(request(3, 500, ALL, 1, 9, 3, 2, 2, 3, 2, 10, 2, 3, 11, 1));
    int left = (3 + 3 + 2) * Nodes.SMALL.tokenBytes() + 24 * Float.BYTES;
    assertEquals(left, session.unsentBytes());
    session.pump(out, ALL, 1);
    assertEquals(
        List.of(
            "kv 2:2+3",
            "hidden 11+1",
            "digest 0 of 12",
            "kv 1:9+3",
            "digest 1 of 12",
            "kv 2:10+2",
            "digest 2 of 12",
            "done 12"),
        out.sent);
    assertEquals(0, session.unsentBytes());
  }

  @Test
  void shouldCountEachRowOnceInTheDigestHoweverOftenItIsSent() {
    SendSession session = session(8, 0, 1, ALL);
    session.begin(SOURCE);
    session.slice(0, 0, 4);
    session.pump(out, ALL, 0);
    // The fake stream's digest is 1 for each message: 2 in all when 8 tokens leave by fours.
    session.resume(request(1, 0, ALL, 0, 0, 8, 1, 0, 8));
    session.slice(0, 4, 4);
    session.hidden(0, 8, ROWS, 0);
    session.done(1, 2);
    session.pump(out, ALL, 0);
    assertEquals(
        List.of(
            "kv 0:0+4",
            "hidden 0+4",
            "hidden 4+4",
            "kv 0:0+4",
            "kv 0:4+4",
            "digest 0 of 8",
            "done 8"),
        out.sent);
    assertEquals(List.of(2L, 2L), out.digests);
  }

  @Test
  void shouldRefuseARequestForRowsThatWereNotOrdered() {
    SendSession session = allSent(12, 3);
    for (int[] wrong :
        new int[][] {
          {4, 0, 1},
          {-1, 0, 1},
          {0, -1, 2},
          {0, 11, 2},
          {0, 3, 0},
          {0, 3, -1},
          {0, 3, Integer.MAX_VALUE}
        }) {
      assertThrows(MalformedMessage.class, () -> session.resume(request(3, 0, ALL, wrong)));
    }
  }

  @Test
  void shouldWakeTheStreamThreadForEverySlice() {
    SendSession session = session(4, 0, 1, ALL);
    session.begin(SOURCE);
    session.slice(0, 0, 2);
    session.slice(0, 2, 2);
    assertEquals(2, wakes.get());
  }

  @Test
  void shouldIgnoreTheComputeThreadOnceItIsOver() {
    SendSession session = session(4, 0, 1, ALL);
    session.end();
    assertTrue(session.isOver());
    session.slice(0, 0, 4);
    session.hidden(0, 4, ROWS, 0);
    session.done(1, 2);
    session.fail("too late");
    assertEquals(0, session.pump(out, ALL, 0));
  }

  @Test
  void shouldRefuseGapsAndAnEarlyEnd() {
    SendSession session = session(8, 0, 2, ALL);
    assertThrows(IllegalStateException.class, () -> session.slice(0, 0, 4));
    session.begin(SOURCE);
    assertThrows(IllegalArgumentException.class, () -> session.slice(0, 1, 4));
    assertThrows(IllegalArgumentException.class, () -> session.slice(0, 0, 9));
    assertThrows(IllegalArgumentException.class, () -> session.hidden(4, 4, ROWS, 0));
    assertThrows(IllegalStateException.class, () -> session.done(1, 2));
  }

  /** A session of 40 tokens in chunks of 4, up to layer 2, that keeps 12 boundary rows. */
  private SendSession windowed(int rowsLimit) {
    return new SendSession(
        Nodes.order(1, 40, 0, 2, 4),
        node.states(),
        new Credit(ALL, rowsLimit),
        1,
        () -> 0,
        wakes::incrementAndGet);
  }

  private static void layers(SendSession session, int first, int tokens) {
    session.slice(0, first, tokens);
    session.slice(1, first, tokens);
  }

  @Test
  void shouldKeepBoundaryRowsUntilTheyAreThereAndSayWhenThereIsRoomAgain() {
    SendSession session = windowed(40);
    session.begin(SOURCE);
    AtomicInteger told = new AtomicInteger();
    session.onRoom(told::incrementAndGet);
    assertEquals(12, session.rowsRoom());
    session.hidden(0, 12, ROWS, 0);
    assertEquals(0, session.rowsRoom());
    assertThrows(IllegalStateException.class, () -> session.hidden(12, 4, ROWS, 0));
    session.pump(out, ALL, 0);
    assertEquals(List.of("hidden 0+4", "hidden 4+4", "hidden 8+4"), out.sent);
    assertEquals(0, session.rowsRoom(), "sent is not received");
    session.credit(ALL, 40, 8, 0);
    assertEquals(1, told.get());
    assertEquals(8, session.rowsRoom());
    session.hidden(12, 8, ROWS, 12);
    session.pump(out, ALL, 0);
    assertEquals(List.of("hidden 12+4", "hidden 16+4"), out.sent.subList(3, 5));
    assertThrows(
        MalformedMessage.class,
        () -> session.credit(ALL, 40, 21, 0),
        "nobody has what was not sent");
  }

  @Test
  void shouldSendNoBoundaryRowThatTheReceiverHasNoRoomFor() {
    SendSession session = windowed(6);
    session.begin(SOURCE);
    layers(session, 0, 12);
    session.hidden(0, 12, ROWS, 0);
    session.pump(out, ALL, 0);
    assertEquals(List.of("hidden 0+4", "hidden 4+2"), out.sent.subList(0, 2));
    assertTrue(out.sent.contains("kv 1:8+4"), "states go on");
    assertFalse(session.isStuck(1L << 40, 1), "the receiver may compute as long as it likes");
    session.credit(ALL, 9, 6, 0);
    session.pump(out, ALL, 0);
    assertEquals("hidden 6+3", out.sent.getLast());
  }

  @Test
  void shouldHaveRowsComputedAgainThatAreWantedAgainBehindTheWindow() {
    SendSession session = windowed(40);
    session.begin(SOURCE);
    for (int first = 0; first < 40; first += 4) {
      layers(session, first, 4);
      session.hidden(first, 4, ROWS, first);
      session.pump(out, ALL, 0);
      session.credit(ALL, 40, first + 4, 0);
    }
    session.done(1, 2);
    session.pump(out, ALL, 0);
    assertEquals("done 40", out.sent.getLast());
    out.sent.clear();
    session.resume(request(2, 0, ALL, 2, 10, 30));
    session.pump(out, ALL, 0);
    assertEquals(List.of("digest 0 of 40", "digest 1 of 40"), out.sent, "not kept any more");
    assertEquals(10, session.rowsFrom());
    assertEquals(12, session.rowsRoom());
    out.sent.clear();
    for (int first = 8; first < 40; first += 4) {
      layers(session, first, 4);
      session.hidden(first, 4, ROWS, first);
      session.pump(out, ALL, 0);
      session.credit(ALL, 40, first + 4, 0);
    }
    session.done(1, 2);
    session.pump(out, ALL, 0);
    assertEquals("hidden 10+2", out.sent.getFirst());
    assertEquals("done 40", out.sent.getLast());
    assertEquals(9, out.sent.size(), out.sent::toString);
  }
}
