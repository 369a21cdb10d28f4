package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufIdentity.Kind;
import dev.baton.gguf.GgufIdentity.Part;
import dev.baton.kernel.KvGeometry;
import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.codec.HelloEncoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.codec.HelloReplyEncoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.PendingPublication;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.session.PatternKv;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StreamRefusalTest {
  private static final int OTHER_VERSION = 7;

  @Test
  void shouldRefuseAnotherModel() {
    NodeIdentity mine = Nodes.node();
    NodeIdentity other =
        new NodeIdentity(
            mine.name(),
            "fedcba9876543210",
            mine.states(),
            4096,
            1,
            "java",
            Fidelity.EXACT,
            mine.limits(),
            mine.capabilities());
    String message = refusal(other, mine, true);
    assertTrue(
        message.contains("has the model fedcba987654, the decode node 0123456789ab"), message);
  }

  @Test
  void shouldNameThePartInWhichTwoModelsDiffer() {
    List<Part> parts = new ArrayList<>(List.of(Nodes.part(Kind.METADATA, "vocabulary", 1)));
    for (int i = 0; i < 1_500; i++) {
      parts.add(Nodes.part(Kind.TENSOR, "blk." + (1_000 + i) + ".ffn_down.weight", i));
    }
    NodeIdentity mine = Nodes.node(parts);
    for (int at : new int[] {0, 1, 777, 1_500}) {
      List<Part> changed = new ArrayList<>(parts);
      changed.set(at, Nodes.part(parts.get(at).kind(), parts.get(at).name(), -1));
      String message = refusal(Nodes.node(changed), mine, true);
      assertTrue(message.contains("has the model"), message);
      assertTrue(message.contains("differs is " + parts.get(at).title() + ":"), message);
      List<Part> fewer = new ArrayList<>(parts);
      fewer.remove(at);
      String lacks = refusal(mine, Nodes.node(fewer), true);
      assertTrue(lacks.contains("differs is " + parts.get(at).title() + ":"), lacks);
      String more = refusal(Nodes.node(fewer), mine, true);
      assertTrue(more.contains("which has more in its file"), more);
    }
  }

  @Test
  void shouldRefuseAnotherKvShapeAndAnotherHiddenWidth() {
    NodeIdentity mine = Nodes.node();
    String shape = refusal(Nodes.node(new KvGeometry(5, 3, 32), 24, 4096), mine, true);
    assertTrue(shape.contains("5 layers, each of rows of 192 + 192 bytes"), shape);
    String width = refusal(Nodes.node(Nodes.SMALL, 25, 4096), mine, true);
    assertTrue(width.contains("boundary rows of 100 bytes"), width);
  }

  @Test
  void shouldRefuseOtherNumerics() {
    NodeIdentity mine = Nodes.node();
    NodeIdentity other =
        new NodeIdentity(
            mine.name(),
            mine.modelHash(),
            mine.states(),
            4096,
            2,
            "java",
            Fidelity.EXACT,
            mine.limits(),
            mine.capabilities());
    String message = refusal(other, mine, true);
    assertTrue(message.contains("follows numerics 2, the decode node 1"), message);
  }

  @Test
  void shouldTakeOrdersUpToTheContextOfANodeThatHasALessOne() {
    NodeIdentity small = Nodes.node(Nodes.SMALL, 24, 512);
    try (PatternPrefill prefill = new PatternPrefill(small);
        StreamNode sending =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), small, prefill);
        StreamNode receiving =
            StreamNode.launch(StreamConfig.builder().build(), Nodes.node(), null);
        PrefillPeer peer = receiving.connect(sending.endpoint())) {
      assertEquals(512, peer.longestPrompt());
      PatternKv sink = new PatternKv(small.states(), 512);
      try (KvReceiver receiver = peer.order(Nodes.order(1, 512, 0, 5, 64), sink)) {
        Nodes.awaitWhole(receiver);
      }
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> peer.order(Nodes.order(2, 513, 0, 5, 64), sink));
      assertTrue(refused.getMessage().contains("takes 512"), refused::getMessage);
    }
  }

  @Test
  void shouldSayThatANodeDoesNotPrefill() {
    String message = refusal(Nodes.node(), Nodes.node(), false);
    assertTrue(message.contains("that node does not prefill"), message);
  }

  private static String refusal(NodeIdentity prefill, NodeIdentity decode, boolean service) {
    StreamConfig.Builder config = StreamConfig.builder();
    try (PatternPrefill pattern = new PatternPrefill(prefill);
        StreamNode sending =
            StreamNode.launch(
                config.listen("127.0.0.1:0").build(), prefill, service ? pattern : null);
        StreamNode receiving = StreamNode.launch(config.listen(null).build(), decode, null)) {
      StreamException refused =
          assertThrows(StreamException.class, () -> receiving.connect(sending.endpoint()));
      String message = String.valueOf(refused.getMessage());
      assertTrue(
          message.startsWith("the prefill node at " + sending.endpoint() + " cannot be used: "),
          message);
      assertFalse(message.contains("\n"), message);
      return message;
    }
  }

  @Test
  void shouldSayThatNobodyAnswers() {
    StreamConfig config =
        StreamConfig.builder().handshakeTimeoutNs(TimeUnit.MILLISECONDS.toNanos(300)).build();
    try (StreamNode node = StreamNode.launch(config, Nodes.node(), null)) {
      StreamException nobody =
          assertThrows(StreamException.class, () -> node.connect("127.0.0.1:9"));
      assertEquals(
          "no answer from the prefill node at 127.0.0.1:9 within 0.3 s: is it running?",
          nobody.getMessage());
    }
  }

  @Test
  void shouldSayThatAPortIsInUse() {
    StreamConfig.Builder config = StreamConfig.builder().listen("127.0.0.1:0");
    try (StreamNode first = StreamNode.launch(config.build(), Nodes.node(), null)) {
      StreamConfig same = config.listen(first.endpoint()).build();
      StreamException busy =
          assertThrows(StreamException.class, () -> StreamNode.launch(same, Nodes.node(), null));
      assertEquals(
          first.endpoint()
              + " is in use: choose another with --listen, or end the process that has it",
          busy.getMessage());
    }
  }

  @Test
  void shouldRefuseToLeaveTheMachineWithoutAKey() {
    StreamConfig open = StreamConfig.builder().listen("0.0.0.0:0").build();
    StreamException listen =
        assertThrows(StreamException.class, () -> StreamNode.launch(open, Nodes.node(), null));
    assertTrue(String.valueOf(listen.getMessage()).contains("cluster key"), listen::getMessage);
    try (StreamNode node = StreamNode.launch(StreamConfig.builder().build(), Nodes.node(), null)) {
      StreamException connect =
          assertThrows(StreamException.class, () -> node.connect("192.0.2.1:7001"));
      assertTrue(String.valueOf(connect.getMessage()).contains("cluster key"), connect::getMessage);
    }
  }

  @Test
  void shouldNameWhatIsWrongWithAnAddress() {
    try (StreamNode node = StreamNode.launch(StreamConfig.builder().build(), Nodes.node(), null)) {
      for (String wrong :
          List.of("7001", "127.0.0.1", "::1:7001", "127.0.0.1:x", "127.0.0.1:70000")) {
        assertThrows(StreamException.class, () -> node.connect(wrong), wrong);
      }
    }
  }

  @Test
  void shouldRefuseADecodeNodeOfAnotherProtocolVersion() {
    try (PatternPrefill pattern = new PatternPrefill(Nodes.node());
        StreamNode node =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), Nodes.node(), pattern);
        HandMadeNode stranger = new HandMadeNode()) {
      PendingPublication out = stranger.media.control(Endpoint.parse(node.endpoint()));
      ControlWriter writer = new ControlWriter();
      int length =
          writer.hello(5, 0, StreamConfig.MIN_LEASE_NS, 0, Nodes.node(), stranger.media.endpoint());
      asOtherVersion(writer);
      assertTrue(stranger.await(() -> out.offer(writer.buffer(), length)));
      assertTrue(stranger.await(() -> stranger.reply != null));
      Handshake.Reply reply = Objects.requireNonNull(stranger.reply);
      assertEquals(HelloOutcome.WRONG_PROTOCOL, reply.outcome());
      assertEquals(5, reply.nonce());
      assertTrue(reply.reason().contains("speaks protocol 3, the decode node 7"), reply::reason);
    }
  }

  @Test
  void shouldRefuseAPrefillNodeOfAnotherProtocolVersion() throws Exception {
    try (HandMadeNode stranger = new HandMadeNode();
        StreamNode node = StreamNode.launch(StreamConfig.builder().build(), Nodes.node(), null)) {
      StreamException[] refused = new StreamException[1];
      Thread caller =
          Thread.ofPlatform()
              .start(() ->
                  refused[0] =
                      assertThrows(
                          StreamException.class, () -> node.connect(stranger.media.endpoint())));
      assertTrue(stranger.await(() -> stranger.caller != null));
      Handshake.Caller called = Objects.requireNonNull(stranger.caller);
      PendingPublication out = stranger.media.control(Endpoint.parse(called.replyTo()));
      ControlWriter writer = new ControlWriter();
      int length = TestConnector.accept(writer, called.nonce(), 0, 99, Nodes.node());
      asOtherVersion(writer);
      assertTrue(stranger.await(() -> out.offer(writer.buffer(), length)));
      assertTrue(stranger.await(() -> !caller.isAlive()));
      assertTrue(
          String.valueOf(refused[0].getMessage()).contains("speaks protocol 7, the decode node 3"),
          () -> refused[0].getMessage());
    }
  }

  /** Version 2's first fields and texts, and nothing of version 3. */
  @Test
  void shouldRefuseADecodeNodeOfTheVersionBeforeInALineThatItCanRead() {
    try (PatternPrefill pattern = new PatternPrefill(Nodes.node());
        StreamNode node =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), Nodes.node(), pattern);
        HandMadeNode stranger = new HandMadeNode()) {
      PendingPublication out = stranger.media.control(Endpoint.parse(node.endpoint()));
      UnsafeBuffer hello = new UnsafeBuffer(new byte[8 + 89 + 2 + 64]);
      new MessageHeaderEncoder()
          .wrap(hello, 0)
          .blockLength(89)
          .templateId(HelloEncoder.TEMPLATE_ID)
          .schemaId(HelloEncoder.SCHEMA_ID)
          .version(2);
      hello.putLong(8, 6);
      byte[] replyTo = stranger.media.endpoint().getBytes(StandardCharsets.UTF_8);
      hello.putShort(8 + 89, (short) replyTo.length);
      hello.putBytes(8 + 89 + 2, replyTo);
      int length = 8 + 89 + 2 + replyTo.length;
      assertTrue(stranger.await(() -> out.offer(hello, length)));
      assertTrue(stranger.await(() -> stranger.reply != null));
      Handshake.Reply reply = Objects.requireNonNull(stranger.reply);
      assertEquals(6, reply.nonce());
      assertEquals(
          "the prefill node speaks protocol 3, the decode node 2: run the same version of Baton on"
              + " both",
          reply.reason());
      assertTrue(HelloReplyEncoder.BLOCK_LENGTH >= 118, "version 2 looks for the reason there");
    }
  }

  private static void asOtherVersion(ControlWriter writer) {
    new MessageHeaderEncoder().wrap(writer.buffer(), 0).version(OTHER_VERSION);
  }

  @Test
  void shouldHandTheServicesRefusalToTheCaller() {
    try (NodePair pair = new NodePair(Nodes.node(), StreamConfig.builder())) {
      pair.prefill.refusal = "it is full";
      try (KvReceiver receiver =
          pair.peer.order(Nodes.order(1, 10, 0, 5, 4), new PatternKv(Nodes.SMALL, 10))) {
        assertTrue(Nodes.await(() -> receiver.state() == KvReceiver.State.FAILED, 5000));
        assertEquals(
            "the prefill node at " + pair.sending.endpoint() + " refused: it is full",
            receiver.failure());
      }
      pair.prefill.refusal = null;
      pair.transfer(Nodes.order(1, 10, 0, 5, 4));
      assertTrue(Nodes.await(() -> pair.prefill.released.equals(List.of(1L)), 5000));
    }
  }

  @Test
  void shouldRefuseOrdersThatDoNotFitTheModel() {
    try (NodePair pair = new NodePair(Nodes.node(), StreamConfig.builder())) {
      PatternKv sink = new PatternKv(Nodes.SMALL, 10);
      assertThrows(
          IllegalArgumentException.class, () -> pair.peer.order(Nodes.order(1, 10, 0, 6, 4), sink));
      assertThrows(
          IllegalArgumentException.class,
          () -> pair.peer.order(Nodes.order(1, 4097, 0, 5, 4), sink));
    }
  }

  @Test
  void shouldRefuseASessionIdThatIsInUse() {
    try (NodePair pair = new NodePair(Nodes.node(), StreamConfig.builder())) {
      pair.prefill.nsPerSlice = TimeUnit.MILLISECONDS.toNanos(20);
      PatternKv sink = new PatternKv(Nodes.SMALL, 100);
      KvReceiver first = pair.peer.order(Nodes.order(1, 100, 0, 5, 10), sink);
      try (KvReceiver second = pair.peer.order(Nodes.order(1, 100, 0, 5, 10), sink)) {
        assertTrue(Nodes.await(() -> second.state() == KvReceiver.State.FAILED, 5000));
        assertTrue(String.valueOf(second.failure()).contains("exists already"), second::failure);
      }
      pair.check(Nodes.order(1, 100, 0, 5, 10), first, sink);
    }
  }
}
