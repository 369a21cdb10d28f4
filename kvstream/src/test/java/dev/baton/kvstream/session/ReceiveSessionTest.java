package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.message.Frame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.agrona.collections.Long2ObjectHashMap;
import org.junit.jupiter.api.Test;

/** The receiver's handler, driven with encoded messages. */
class ReceiveSessionTest {
  private static final int ROWS = StateSlots.ROWS;
  private static final int ROW_BYTES = 24 * Float.BYTES;
  private static final NodeIdentity NODE = Nodes.node();
  private static final PrefillOrder ORDER = Nodes.order(77, 90, 20, 3, 16);

  private final PatternKv sink = new PatternKv(Nodes.SMALL, 90);
  private final KvMessages messages = new KvMessages(NODE, ORDER);
  private final Frame frame = new Frame();
  private final Long2ObjectHashMap<ReceiveSession> sessions = new Long2ObjectHashMap<>();
  private final KvReader reader = new KvReader(sessions, new ClockOffset());
  private final List<String> imports = new ArrayList<>();
  private ReceiveSession session = session(1 << 20);
  private long nowNs = 1000;

  private ReceiveSession session(long creditBytes) {
    KvSink counted =
        (layer, state, first, tokens, src, offset, digest) -> {
          boolean right = sink.importSlice(layer, state, first, tokens, src, offset, digest);
          if (right) {
            imports.add(layer + ":" + first + "+" + tokens);
          }
          return right;
        };
    session =
        new ReceiveSession(
            ORDER,
            counted,
            NODE.states(),
            new ReceiveSession.Windows(creditBytes, StreamConfig.USUAL_ROWS_BYTES),
            "the peer",
            ReceiveSession::detach);
    sessions.put(ORDER.sessionId(), session);
    return session;
  }

  private void deliver(int length) {
    reader.onMessage(frame.wrap(messages.buffer, 0, length), messages.buffer, nowNs++);
  }

  private void deliverAll() {
    for (int layer = 0; layer < 3; layer++) {
      deliver(messages.slice(layer, 20, 70));
      deliver(messages.layerDigest(layer, 0));
    }
    deliver(messages.hidden(20, 70));
    deliver(messages.done());
  }

  private void assertWhole() {
    assertNull(session.failure());
    assertEquals(KvReceiver.State.WHOLE, session.state());
    assertTrue(sink.equals(messages.kv(), 3, 20, 90));
    assertTrue(
        sink.isEmpty(3, 0, 90) && sink.isEmpty(0, 0, 20), "nothing beyond the order is written");
    MemorySegment rows = Arena.ofAuto().allocate(70L * ROW_BYTES);
    session.copyHidden(20, 70, rows, 0);
    assertEquals(-1, messages.hidden().asSlice(20L * ROW_BYTES).mismatch(rows));
    assertEquals(90, session.hiddenTokens());
    assertEquals(90, session.coveredTokens());
  }

  private void assertFailed(String reason) {
    assertEquals(KvReceiver.State.FAILED, session.state());
    assertTrue(String.valueOf(session.failure()).contains(reason), session::failure);
  }

  @Test
  void shouldBecomeWholeWithTheLastMissingPiece() {
    assertEquals(KvReceiver.State.ORDERED, session.state());
    deliver(messages.slice(0, 20, 70));
    assertEquals(KvReceiver.State.STREAMING, session.state());
    assertFalse(session.isLayerWhole(0), "the digest has not come yet");
    deliver(messages.layerDigest(0, 0));
    assertTrue(session.isLayerWhole(0));
    assertEquals(20, session.coveredTokens(), "the other layers lack everything");
    deliver(messages.slice(1, 20, 30));
    deliver(messages.slice(2, 20, 40));
    assertEquals(50, session.coveredTokens());
    deliverAll();
    assertWhole();
  }

  @Test
  void shouldTakeSlicesInAnyOrderTwiceAndOverlapping() {
    Random random = new Random(3);
    for (int round = 0; round < 50; round++) {
      session(1 << 20);
      List<Runnable> deliveries = new ArrayList<>();
      for (int layer = 0; layer < 3; layer++) {
        int ofLayer = layer;
        for (int first = 20; first < 90; first += 7) {
          int from = first;
          deliveries.add(() -> deliver(messages.slice(ofLayer, from, 7)));
          deliveries.add(() -> deliver(messages.slice(ofLayer, from, Math.min(90 - from, 12))));
        }
        deliveries.add(() -> deliver(messages.layerDigest(ofLayer, 0)));
        deliveries.add(() -> deliver(messages.layerDigest(ofLayer, 0)));
      }
      for (int first = 20; first < 90; first += 10) {
        int from = first;
        deliveries.add(() -> deliver(messages.hidden(from, 10)));
        deliveries.add(() -> deliver(messages.hidden(from, Math.min(90 - from, 13))));
      }
      deliveries.add(() -> deliver(messages.done()));
      Collections.shuffle(deliveries, random);
      deliveries.forEach(Runnable::run);
      assertWhole();
    }
  }

  @Test
  void shouldNeverWriteARowAgainThatIsThere() {
    deliver(messages.slice(0, 20, 10));
    deliver(messages.slice(0, 20, 10));
    deliver(messages.slice(0, 25, 7));
    assertEquals(List.of("0:20+10", "0:30+1", "0:31+1"), imports);
  }

  @Test
  void shouldCountRepeatsAsBytesReceived() {
    deliver(messages.slice(0, 20, 10));
    deliver(messages.slice(0, 20, 10));
    assertEquals(20L * Nodes.SMALL.tokenBytes(), session.report().kvBytes());
  }

  @Test
  void shouldAskAgainForACorruptSliceAndNotLetItReachTheCache() {
    deliverSpoiled(messages.slice(1, 25, 10));
    assertTrue(imports.isEmpty());
    deliver(messages.slice(1, 20, 5));
    deliver(messages.slice(1, 35, 55));
    deliver(messages.slice(0, 20, 70));
    deliver(messages.slice(2, 20, 70));
    deliverSpoiled(messages.hidden(20, 30));
    deliver(messages.hidden(50, 40));
    for (int layer = 0; layer < 3; layer++) {
      deliver(messages.layerDigest(layer, 0));
    }
    assertFalse(session.takeRequestDue(), "the sender has not said that it was done");
    deliver(messages.done());
    assertTrue(session.takeRequestDue());
    assertFalse(session.takeRequestDue());
    assertArrayEquals(
        new int[] {1, 0, 0, 25, 10, 3, ROWS, 0, 20, 30}, session.missing().toIntArray());
    deliver(messages.slice(1, 25, 10));
    deliver(messages.hidden(20, 30));
    deliver(messages.done());
    assertWhole();
    assertEquals(2, session.report().spoiledMessages());
  }

  private void deliverSpoiled(int length) {
    int at = messages.payloadOffset() + 33;
    messages.buffer.putByte(at, (byte) (messages.buffer.getByte(at) ^ 4));
    deliver(length);
  }

  @Test
  void shouldGiveUpASenderWhoseRowsAreAlwaysSpoiled() {
    for (int i = 0; i < 100; i++) {
      deliverSpoiled(messages.slice(1, 20, 10));
    }
    assertFailed("sent slices with a wrong digest 65 times");
    assertTrue(imports.isEmpty());
  }

  @Test
  void shouldGiveUpASenderThatIsDoneAndSendsNothing() {
    for (int i = 0; i < 100; i++) {
      deliver(messages.done());
    }
    assertFailed("said 65 times that all was sent");
  }

  @Test
  void shouldKeepARequestShortHoweverMuchIsMissing() {
    for (int token = 21; token < 90; token += 2) {
      deliver(messages.slice(0, token, 1));
    }
    assertArrayEquals(
        new int[] {
          0, 0, 0, 20, 1, 0, 0, 0, 22, 1, 0, 0, 0, 24, 1, 0, 0, 0, 26, 64, //
          1, 0, 0, 20, 70, 2, 0, 0, 20, 70, 3, ROWS, 0, 20, 70
        },
        session.missing().toIntArray());
  }

  @Test
  void shouldNotTakeACorruptSliceWhereItsRowsAreThereAlready() {
    for (int known : new int[] {5, 10}) {
      session(1 << 20);
      imports.clear();
      deliver(messages.slice(1, 20, known));
      deliverSpoiled(messages.slice(1, 20, 10));
      assertEquals(List.of("1:20+" + known), imports);
      assertEquals(1, session.report().spoiledMessages());
    }
  }

  @Test
  void shouldRefuseALayerThatDiffersFromItsDigest() {
    deliver(messages.slice(2, 20, 70));
    deliver(messages.layerDigest(2, 1));
    assertFailed("the KV of layer 2 differs");
    assertFalse(session.isLayerWhole(2));
  }

  @Test
  void shouldRefuseWhatWasNotOrdered() {
    int[][] ranges = {
      {3, 20, 1},
      {-1, 20, 1},
      {0, 19, 1},
      {0, 20, 71},
      {0, 90, 1},
      {0, 89, 2},
      {0, 20, 0},
      {0, 20, -1},
      {0, Integer.MAX_VALUE, 1},
      {0, 21, Integer.MAX_VALUE},
      {Integer.MIN_VALUE, 20, 1}
    };
    for (int[] range : ranges) {
      session(1 << 20);
      session.onSlice(what(range[0], range[1], range[2]), 0, 0, 64, nowNs);
      assertFailed("that was not ordered");
      session(1 << 20);
      if (range[0] == 0) {
        session.onHidden(range[1], range[2], 0, 0, 64, nowNs);
        assertFailed("that were not ordered");
      }
    }
    assertTrue(imports.isEmpty());
  }

  private static SliceHeader what(int layer, int first, int count) {
    SliceHeader what = new SliceHeader();
    what.layer = layer;
    what.first = first;
    what.count = count;
    return what;
  }

  @Test
  void shouldRefuseAPayloadThatIsTooShortOrTooLong() {
    for (int change : new int[] {-1, 1, -Nodes.SMALL.tokenBytes(), Nodes.SMALL.tokenBytes()}) {
      session(1 << 20);
      deliver(messages.slice(0, 20, 10) + change);
      assertFailed("bytes for 10 tokens of");
    }
    assertTrue(imports.isEmpty());
  }

  @Test
  void shouldRefuseMoreThanItCredited() {
    session(1);
    long credit = session.creditLimit();
    int slices = (int) (credit / Nodes.SMALL.tokenBytes());
    for (int i = 0; i < slices; i++) {
      deliver(messages.slice(0, 20, 1));
    }
    assertNull(session.failure());
    deliver(messages.slice(0, 20, 1));
    assertFailed("sent more than it was credited");
  }

  @Test
  void shouldGrantCreditAsBytesAreConsumed() {
    session(1 << 16);
    assertEquals(-1, session.creditDue(false));
    int tokenBytes = Nodes.SMALL.tokenBytes();
    long sent = 0;
    for (int i = 0; i < 5; i++) {
      deliver(messages.slice(0, 20, 70));
      sent += 70L * tokenBytes;
      long due = session.creditDue(false);
      if (due >= 0) {
        assertEquals(sent + (1 << 16), due);
        session.credited(due, session.nextRowsLimit());
        assertEquals(-1, session.creditDue(false));
      }
    }
    assertTrue(session.creditLimit() > 1 << 16);
  }

  @Test
  void shouldAlwaysCreditOneRowHoweverSmallTheWindow() {
    session(1);
    long largest = Math.max(Nodes.SMALL.tokenBytes(), ROW_BYTES);
    assertTrue(session.creditLimit() >= 4 * largest);
  }

  @Test
  void shouldIgnoreMessagesOfUnknownSessionsAndAfterTheEnd() {
    deliverAll();
    assertWhole();
    deliver(messages.layerDigest(0, 5));
    deliver(messages.slice(0, 20, 10));
    assertWhole();
    sessions.clear();
    deliverAll();
  }

  @Test
  void shouldMeasureWhatArrivedBeforeTheComputeEnded() {
    for (int layer = 0; layer < 3; layer++) {
      nowNs = 100L * (layer + 1);
      int bytes = 70 * Nodes.SMALL.tokenBytes();
      session.onSlice(what(layer, 20, 70), digestOf(layer), address(), bytes, nowNs);
      deliver(messages.layerDigest(layer, 0));
    }
    nowNs = 400;
    deliver(messages.hidden(20, 70));
    int length = messages.done();
    assertTrue(length > 0);
    long hiddenDigest = hiddenDigest();
    session.onDone(50, 250, 9, 70, hiddenDigest);
    TransferReport report = session.report();
    assertEquals(KvReceiver.State.WHOLE, session.state());
    assertEquals(2L * 70 * Nodes.SMALL.tokenBytes(), report.bytesBeforeComputeEnd());
    assertEquals(3L * 70 * Nodes.SMALL.tokenBytes(), report.kvBytes());
    assertEquals(70L * ROW_BYTES, report.hiddenBytes());
    assertEquals(100, report.firstByteNs());
    assertEquals(400, report.lastByteNs());
    assertEquals(250, report.computeEndNs());
    assertEquals(9, report.clockErrorNs());
  }

  private long digestOf(int layer) {
    messages.slice(layer, 20, 70);
    return RowDigest.ofSlice(layer, 20, 70, Nodes.SMALL.tokenBytes() / 2, RawMemory.ALL, address());
  }

  private long address() {
    return messages.buffer.addressOffset() + messages.payloadOffset();
  }

  private long hiddenDigest() {
    int row = ROW_BYTES;
    return RowDigest.ofHidden(3, 20, 70, row, messages.hidden(), 20L * row);
  }
}
