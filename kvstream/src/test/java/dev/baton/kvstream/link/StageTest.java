package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.Urgency;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.OrderDigest;
import dev.baton.kvstream.message.OrderReader;
import dev.baton.kvstream.session.PatternKv;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Orders as stages, with a compute that only adds: a row's bytes grow by one in each layer, so that
 * a row tells which layers it went through. States are patterns. All kinds of states.
 */
@Timeout(60)
class StageTest {
  private static final NodeIdentity NODE = Nodes.node(Nodes.ALL_KINDS, 4096);
  private static final int TOKENS = 300;
  private static final long TICKET = 4711;

  /** The row of a token in front of a layer. */
  private static void row(int token, int boundary, MemorySegment dst, long offset) {
    for (int i = 0; i < NODE.states().boundaryBytes(boundary); i++) {
      dst.set(ValueLayout.JAVA_BYTE, offset + i, (byte) (token * 7 + i + boundary));
    }
  }

  private static MemorySegment rows(int first, int tokens, int boundary) {
    int bytes = NODE.states().boundaryBytes(boundary);
    MemorySegment rows = Arena.ofAuto().allocate((long) tokens * bytes, 8);
    for (int i = 0; i < tokens; i++) {
      row(first + i, boundary, rows, (long) i * bytes);
    }
    return rows;
  }

  /** A node that computes stages, and hands rows to who shows the ticket. */
  private static final class Computing implements PrefillService, AutoCloseable {
    private final Map<Long, KvSender> senders = new ConcurrentHashMap<>();
    private final Map<Long, PrefillOrder> byTicket = new ConcurrentHashMap<>();
    private final StreamNode node =
        StreamNode.launch(
            StreamConfig.builder().listen("127.0.0.1:0").rowsBytes(2048).build(), NODE, this);

    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      senders.put(order.sessionId(), sender);
      if (order.stage().rowsTicket() != 0) {
        byTicket.put(order.stage().rowsTicket(), order);
      }
      Thread.ofVirtual().start(() -> compute(order, sender));
      return null;
    }

    private void compute(PrefillOrder order, KvSender sender) {
      PatternKv kv = PatternKv.filled(NODE.states(), order.tokens().length, order.sessionId());
      sender.begin(
          new KvSource() {
            @Override
            public long exportSlice(
                int layer, int state, int first, int count, MemorySegment dst, long offset) {
              return kv.exportSlice(layer, state, first, count, dst, offset);
            }

            @Override
            public boolean exportFixed(
                int layer, int state, int at, int from, int bytes, MemorySegment dst, long off) {
              return kv.exportFixed(layer, state, at, from, bytes, dst, off);
            }
          });
      switch (order.stage().input()) {
        case Stage.Embedding() -> run(order, sender, null);
        case Stage.RowsOf(String at, long ticket) when at.isEmpty() -> {
          assertTrue(byTicket.containsKey(ticket), "a ticket of nobody");
          run(order, sender, null);
        }
        case Stage.RowsOf(String at, long ticket) -> {
          Stage rows = Stage.rowsAt(order.stage().fromLayer(), ticket);
          PrefillOrder asked =
              Nodes.order(order.sessionId() + 1000, TOKENS, order.firstToken(), rows, 16);
          try (PrefillPeer before = node.connect(at);
              KvReceiver input = before.order(asked, (_, _, _, _, _, _, _) -> false)) {
            run(order, sender, input);
            Nodes.awaitWhole(input);
          }
        }
      }
    }

    private static void run(PrefillOrder order, KvSender sender, @Nullable KvReceiver input) {
      Stage stage = order.stage();
      int end = order.tokens().length;
      int tokens;
      for (int first = order.firstToken(); first < end; first += tokens) {
        tokens = order.chunks().next(end - first);
        if (input != null) {
          takeInput(stage, input, first, tokens);
        }
        for (int layer = stage.fromLayer(); layer < stage.toLayer(); layer++) {
          sender.slice(layer, first, tokens);
          sender.fixed(layer, first + tokens);
        }
        if (stage.rows() == Stage.Rows.ALL) {
          int until = first + tokens;
          int needed = tokens;
          assertTrue(Nodes.await(() -> sender.rowsRoom() >= needed, 20_000), () -> "at " + until);
          sender.hidden(first, tokens, rows(first, tokens, stage.toLayer()), 0);
        }
      }
      if (stage.rows() == Stage.Rows.LAST) {
        sender.hidden(end - 1, 1, rows(end - 1, 1, stage.toLayer()), 0);
      }
      sender.done(1, 2);
    }

    private static void takeInput(Stage stage, KvReceiver input, int first, int tokens) {
      assertTrue(Nodes.await(() -> input.hiddenTokens() >= first + tokens, 20_000));
      MemorySegment wanted = rows(first, tokens, stage.fromLayer());
      MemorySegment came = Arena.ofAuto().allocate(wanted.byteSize(), 8);
      input.copyHidden(first, tokens, came, 0);
      assertEquals(-1, wanted.mismatch(came));
      input.hiddenTaken(first + tokens);
    }

    @Override
    public void released(long sessionId) {
      senders.remove(sessionId);
    }

    @Override
    public void close() {
      node.close();
    }
  }

  /** A computes [0, 2), B takes A's rows and computes [2, 4), C takes B's and both states. */
  @Test
  void shouldPassRowsThroughAThirdNodeInBetween() {
    try (Computing a = new Computing();
        Computing b = new Computing();
        StreamNode c =
            StreamNode.launch(StreamConfig.builder().rowsBytes(2048).build(), NODE, null);
        PrefillPeer toA = c.connect(a.node.endpoint());
        PrefillPeer toB = c.connect(b.node.endpoint())) {
      for (int first : new int[] {0, 100}) {
        Stage lower = new Stage(0, 2, new Stage.Embedding(), true, Stage.Rows.NONE, TICKET);
        Stage middle =
            new Stage(2, 4, new Stage.RowsOf(a.node.endpoint(), TICKET), true, Stage.Rows.ALL, 0);
        PrefillOrder ofA = Nodes.order(1 + first, TOKENS, first, lower, 16);
        PrefillOrder ofB = Nodes.order(2 + first, TOKENS, first, middle, 16);
        PatternKv fromA = new PatternKv(NODE.states(), TOKENS);
        PatternKv fromB = new PatternKv(NODE.states(), TOKENS);
        try (KvReceiver lowerStates = toA.order(ofA, fromA);
            KvReceiver rows = toB.order(ofB, fromB)) {
          for (int token = first; token < TOKENS; token++) {
            int next = token;
            assertTrue(
                Nodes.await(() -> rows.hiddenTokens() > next, 20_000),
                () -> "no row " + next + ": " + rows.failure());
            MemorySegment wanted = rows(token, 1, 4);
            MemorySegment came = Arena.ofAuto().allocate(wanted.byteSize(), 8);
            rows.copyHidden(token, 1, came, 0);
            assertEquals(-1, wanted.mismatch(came));
            rows.hiddenTaken(token + 1);
          }
          Nodes.awaitWhole(lowerStates);
          Nodes.awaitWhole(rows);
          assertNull(fromA.mismatch(filled(ofA), ofA));
          assertNull(fromB.mismatch(filled(ofB), ofB));
          assertTrue(lowerStates.isLayerWhole(1) && rows.isLayerWhole(3));
          assertEquals(TOKENS, rows.fixedPosition(3));
        }
      }
    }
  }

  private static PatternKv filled(PrefillOrder order) {
    return PatternKv.filled(NODE.states(), TOKENS, order.sessionId());
  }

  /** An order with all that there can be in one. */
  static PrefillOrder everything() {
    Prompt prompt =
        new Prompt(
            Nodes.prompt(20),
            3,
            List.of(new Prompt.Given(4, 6, new byte[32]), new Prompt.Given(12, 1, hash())),
            Nodes.prompt(60),
            new byte[] {1, 2, 3},
            "adapter");
    Stage stage =
        new Stage(2, 4, new Stage.RowsOf("127.0.0.1:7", 5), true, Stage.Rows.LAST, TICKET);
    return new PrefillOrder(
        9,
        prompt,
        stage,
        new ChunkSchedule(16, 4),
        KvWireType.Q8,
        new Urgency(Urgency.Priority.BACKGROUND, 1500));
  }

  @Test
  void shouldCarryAllOfAnOrder() {
    PrefillOrder order = everything();
    ControlWriter writer = new ControlWriter();
    int length = writer.order(order, 77, 20);
    OrderReader reader = new OrderReader();
    PrefillOrder read = reader.read(new Frame().wrap(writer.buffer(), 0, length), writer.buffer());
    assertEquals(OrderDigest.of(order), OrderDigest.of(read));
    assertEquals(order.stage(), read.stage());
    assertEquals(order.urgency(), read.urgency());
    assertEquals(2, read.prompt().given().size());
    assertEquals("adapter", read.prompt().adapter());
    assertEquals(new Credit(77, 20), reader.credit());
  }

  private static byte[] hash() {
    byte[] hash = new byte[32];
    hash[5] = 9;
    return hash;
  }

  @Test
  void shouldNotGiveAnOrderThatThePeerCannotServe() {
    NodeIdentity plain =
        new NodeIdentity(
            "plain",
            NODE.modelHash(),
            NODE.states(),
            4096,
            1,
            "java",
            Fidelity.EXACT,
            NodeLimits.UNLIMITED,
            Set.of());
    try (PatternPrefill pattern = new PatternPrefill(plain);
        StreamNode sending =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), plain, pattern);
        StreamNode receiving = StreamNode.launch(StreamConfig.builder().build(), NODE, null);
        PrefillPeer peer = receiving.connect(sending.endpoint())) {
      Stage later = new Stage(2, 4, new Stage.RowsOf("", 5), true, Stage.Rows.ALL, 0);
      try (KvReceiver none =
          peer.order(Nodes.order(1, 20, 0, later, 4), new PatternKv(NODE.states(), 20))) {
        assertTrue(
            Objects.requireNonNull(none.failure())
                .endsWith("does not compute stages between other nodes"),
            none::failure);
      }
      assertTrue(pattern.senders.isEmpty());
    }
  }
}
