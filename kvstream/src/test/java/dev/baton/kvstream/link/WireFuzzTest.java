package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.gguf.GgufIdentity.Kind;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.session.KvMessages;
import dev.baton.kvstream.session.PatternKv;
import dev.baton.kvstream.session.ReceiveSession;
import dev.baton.kvstream.session.RecordingKv;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Messages with bytes changed, cut off, lengthened or made up, into every handler, more than a
 * million in all. The invariant: nothing is thrown into the agent, no message makes it take more
 * memory than the node's own limits allow, the sink is called only inside the order, and what ended
 * has a reason of one line.
 */
class WireFuzzTest {
  private static final long SEED = 20_260_101;
  private static final int INPUTS = 275_000;

  /** Far more than an order of a whole context, and than what the JVM takes at a first call. */
  private static final long LARGEST_ALLOCATION_BYTES = 1 << 20;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final NodeIdentity NODE = Nodes.node();

  /** One with another model. */
  private static final NodeIdentity OTHER =
      Nodes.node(List.of(Nodes.part(Kind.METADATA, "a", 1), Nodes.part(Kind.TENSOR, "b", 2)));

  private static final PrefillOrder ORDER = Nodes.order(77, 90, 20, 3, 16);

  private final SplittableRandom random = new SplittableRandom(SEED);
  private final StreamConfig config = StreamConfig.builder().build();
  private final UnsafeBuffer message = new UnsafeBuffer(ByteBuffer.allocateDirect(1 << 16));
  private final List<UnsafeBuffer> genuine = new ArrayList<>();
  private final List<String> violations = new ArrayList<>();
  private int failures;
  private long mostAllocated;

  /** Spoils a message and has it taken. */
  private void take(Inbound inbound) {
    int length = spoil();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    inbound.onMessage(message, 0, length);
    mostAllocated = Math.max(mostAllocated, THREADS.getCurrentThreadAllocatedBytes() - before);
  }

  private void assertLittleAllocated() {
    assertTrue(
        mostAllocated < LARGEST_ALLOCATION_BYTES, "one message took " + mostAllocated + " bytes");
  }

  /** Takes a copy of one of the genuine messages and spoils it; returns its length. */
  private int spoil() {
    UnsafeBuffer model = genuine.get(random.nextInt(genuine.size()));
    int length = model.capacity();
    message.putBytes(0, model, 0, length);
    switch (random.nextInt(6)) {
      case 0 -> length = random.nextInt(length + 1);
      case 1 -> length += random.nextInt(200);
      case 2 -> {
        for (int i = 0; i < length; i++) {
          message.putByte(i, (byte) random.nextInt());
        }
      }
      default -> {
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
          // Mostly in the header and the fields, where it matters.
          int at = random.nextInt(random.nextInt(4) == 0 ? length : Math.min(length, 48));
          message.putByte(
              at,
              random.nextBoolean()
                  ? (byte) random.nextInt()
                  : (byte) (random.nextBoolean() ? 0 : -1));
        }
      }
    }
    return length;
  }

  private void keep(org.agrona.DirectBuffer buffer, int length) {
    UnsafeBuffer copy = new UnsafeBuffer(new byte[length]);
    copy.putBytes(0, buffer, 0, length);
    genuine.add(copy);
  }

  /** Called where a handler would catch what a failed assertion throws. */
  private void require(boolean holds, String violation) {
    if (!holds) {
      violations.add(violation);
    }
  }

  private static void assertOneLine(@Nullable String reason) {
    assertTrue(
        reason != null && !reason.isBlank() && reason.lines().count() == 1,
        () -> "reason: " + reason);
  }

  @Test
  void shouldSurviveAnyBytesOnTheKvStream() {
    KvMessages messages = new KvMessages(NODE, ORDER);
    keep(messages.buffer, messages.slice(0, 20, 10));
    keep(messages.buffer, messages.slice(2, 60, 30));
    keep(messages.buffer, messages.hidden(25, 9));
    keep(messages.buffer, messages.layerDigest(1, 0));
    keep(messages.buffer, messages.done());
    PatternKv store = new PatternKv(Nodes.SMALL, 90);
    KvSink sink =
        (layer, state, first, tokens, src, offset, digest) -> {
          require(
              layer >= 0 && layer < 3 && first >= 20 && tokens > 0 && first + tokens <= 90,
              "outside the order");
          return store.importSlice(layer, state, first, tokens, src, offset, digest);
        };
    DecodeSideLink link = openLink();
    Inbound inbound = kvOf(link);
    ReceiveSession session = null;
    for (int i = 0; i < INPUTS; i++) {
      if (link.isOver()) {
        link = openLink();
        inbound = kvOf(link);
        session = null;
      }
      if (session == null || session.isFinal()) {
        session =
            new ReceiveSession(
                ORDER,
                sink,
                NODE.states(),
                new ReceiveSession.Windows(1 << 20, StreamConfig.USUAL_ROWS_BYTES),
                "the peer",
                ReceiveSession::detach);
        link.order(session);
      }
      take(inbound);
      link.doWork(config.clock().nanoTime());
      if (session.state() == KvReceiver.State.FAILED) {
        failures++;
        assertOneLine(session.failure());
        session.close();
      }
    }
    assertEquals(List.of(), violations);
    assertLittleAllocated();
    assertTrue(
        failures > INPUTS / 10, failures + " failures of " + INPUTS + ": is anything checked?");
  }

  private Inbound kvOf(DecodeSideLink link) {
    Inbound inbound =
        new Inbound(
            44, (from, frame, buffer, nowNs) -> link.onKv(frame, buffer, nowNs), config.clock());
    inbound.bind(link);
    return inbound;
  }

  private Inbound controlOf(Link link) {
    Inbound inbound =
        new Inbound(
            44,
            (from, frame, buffer, nowNs) -> link.onControl(frame, buffer, nowNs),
            config.clock());
    inbound.bind(link);
    return inbound;
  }

  private DecodeSideLink openLink() {
    ControlWriter peer = new ControlWriter();
    Frame frame = new Frame();
    DecodeSideLink link =
        new DecodeSideLink(Endpoint.parse("127.0.0.1:7001"), NODE, config, new TestConnector());
    link.greet();
    int reply = TestConnector.accept(peer, 5, config.leaseNs(), 99, NODE);
    long nowNs = config.clock().nanoTime();
    link.onControl(frame.wrap(peer.buffer(), 0, reply), peer.buffer(), nowNs);
    int renewal = peer.leaseRenewal(nowNs, nowNs, nowNs);
    link.onControl(frame.wrap(peer.buffer(), 0, renewal), peer.buffer(), nowNs);
    assertTrue(link.isAlive());
    return link;
  }

  private void keepControlMessages() {
    ControlWriter writer = new ControlWriter();
    keep(writer.buffer(), writer.hello(5, 1, config.leaseNs(), 98, NODE, "127.0.0.1:9999"));
    byte[] parts = ModelParts.brief(OTHER.parts());
    keep(writer.buffer(), writer.hello(5, 1, config.leaseNs(), 98, NODE, "127.0.0.1:9999", parts));
    keep(writer.buffer(), writer.helloReply(5, HelloOutcome.FULL, "it is full", NODE));
    keep(writer.buffer(), TestConnector.accept(writer, 5, config.leaseNs(), 99, NODE));
    keep(
        writer.buffer(),
        writer.sliceRequest(
            77,
            5_000,
            new Credit(1 << 20, 90),
            20,
            new IntArrayList(new int[] {0, 0, 0, 20, 30, 1, 0, 0, 60, 30}, 10, -1)));
    keep(writer.buffer(), writer.proof(new byte[32]));
    keep(writer.buffer(), writer.order(ORDER, 1 << 20, 90));
    keep(writer.buffer(), writer.order(Nodes.order(77, 3, 1, 5, 16), 1 << 20, 3));
    keep(writer.buffer(), writer.order(StageTest.everything(), 1 << 20, 20));
    keep(
        writer.buffer(),
        writer.prefixQuery(3, PrefixQuery.of(new Prompt(Nodes.prompt(200), 0), 0, 5)));
    keep(
        writer.buffer(),
        writer.prefixHits(
            3,
            new PrefillService.Standing(
                List.of(new PrefixHits.Held(0, 5, new Positions(64, List.of(90, 100)))), 7, 640),
            NODE));
    keep(writer.buffer(), writer.orderRefused(77, "no"));
    keep(writer.buffer(), writer.credit(77, 1 << 21, 90, 20));
    keep(writer.buffer(), writer.received(77));
    keep(writer.buffer(), writer.abort(77, "enough"));
    keep(writer.buffer(), writer.leaseRenewal(1, 2, 3));
    keep(writer.buffer(), writer.goodbye("bye"));
  }

  @Test
  void shouldSurviveAnyBytesAsADecodeNode() {
    keepControlMessages();
    DecodeSideLink link = openLink();
    Inbound inbound = controlOf(link);
    for (int i = 0; i < INPUTS; i++) {
      if (link.isOver()) {
        link = openLink();
        inbound = controlOf(link);
        failures++;
      }
      take(inbound);
      link.doWork(config.clock().nanoTime());
      if (link.isOver()) {
        assertOneLine(link.lostReason());
      }
    }
    assertEquals(List.of(), violations);
    assertLittleAllocated();
    assertTrue(
        failures > INPUTS / 10, failures + " failures of " + INPUTS + ": is anything checked?");
  }

  @Test
  void shouldSurviveAnyBytesAsAPrefillNode() {
    keepControlMessages();
    List<Long> open = new ArrayList<>();
    PrefillService service =
        new PrefillService() {
          @Override
          public @Nullable String accept(PrefillOrder order, KvSender sender) {
            require(
                order.stage().toLayer() <= 5 && order.tokens().length <= NODE.contextTokens(),
                "an order too large");
            sender.begin((layer, _, first, tokens, dst, offset) -> 0);
            sender.slice(0, order.firstToken(), 1);
            open.add(order.sessionId());
            return null;
          }

          @Override
          public void released(long sessionId) {
            require(open.remove(sessionId), "released what was not open");
          }
        };
    PrefillSideLink link = servingLink(service);
    Inbound inbound = controlOf(link);
    for (int i = 0; i < INPUTS; i++) {
      if (link.isOver()) {
        assertEquals(List.of(), open, "a link that is over has released its sessions");
        link = servingLink(service);
        inbound = controlOf(link);
        failures++;
      }
      take(inbound);
      link.doWork(config.clock().nanoTime());
    }
    link.end("the test is over");
    assertEquals(List.of(), open);
    assertEquals(List.of(), violations);
    assertLittleAllocated();
    assertTrue(
        failures > INPUTS / 10, failures + " failures of " + INPUTS + ": is anything checked?");
  }

  private PrefillSideLink servingLink(PrefillService service) {
    StreamAgent.Self self = new StreamAgent.Self(NODE, config, () -> {});
    Handshake.Caller caller = new Handshake.Caller(5, 1, "127.0.0.1:9999");
    LinkControl control = new LinkControl(new RecordingChannel(), new ControlWriter());
    PrefillSideLink link =
        PrefillSideLink.accepting(
            caller, 99, config.leaseNs(), self, service, control, new RecordingKv());
    link.doWork(config.clock().nanoTime());
    return link;
  }

  @Test
  void shouldReadAnyHandshakeOrSayWhyNot() {
    keepControlMessages();
    HelloDecoder hello = new HelloDecoder();
    HelloReplyDecoder reply = new HelloReplyDecoder();
    int[] read = new int[1];
    Inbound.Receiver receiver =
        (from, frame, buffer, nowNs) -> {
          if (frame.templateId() == HelloDecoder.TEMPLATE_ID) {
            Handshake.Caller caller = Handshake.readCaller(frame, buffer, hello);
            Endpoint.parseLiteral(caller.replyTo());
            if (caller.version() == Handshake.PROTOCOL_VERSION) {
              Handshake.Introduction told = Handshake.readIntroduction(hello, NODE);
              Handshake.judge(OTHER, told.identity(), told.parts());
            }
          } else {
            Handshake.readReply(frame, buffer, reply, NODE);
          }
          read[0]++;
        };
    Inbound inbound = new Inbound(44, receiver, config.clock());
    for (int i = 0; i < INPUTS; i++) {
      if (inbound.isIgnored()) {
        inbound = new Inbound(44, receiver, config.clock());
        failures++;
      }
      take(inbound);
    }
    assertLittleAllocated();
    assertTrue(
        failures > INPUTS / 10 && read[0] > INPUTS / 100,
        failures + " refused, " + read[0] + " read");
  }

  /** A heap segment for a message would be an absolute address into nowhere. */
  @Test
  void shouldRefuseKvThatLiesInTheJavaHeap() {
    KvMessages messages = new KvMessages(NODE, ORDER);
    int length = messages.slice(0, 20, 10);
    DecodeSideLink link = openLink();
    link.order(
        new ReceiveSession(
            ORDER,
            (layer, state, first, tokens, src, offset, digest) -> true,
            NODE.states(),
            new ReceiveSession.Windows(1 << 20, StreamConfig.USUAL_ROWS_BYTES),
            "the peer",
            ReceiveSession::detach));
    Inbound inbound = kvOf(link);
    byte[] heap = new byte[length];
    messages.buffer.getBytes(0, heap);
    inbound.onMessage(new UnsafeBuffer(heap), 0, length);
    assertTrue(link.isOver());
    assertEquals(length, MemorySegment.ofArray(heap).byteSize());
  }
}
