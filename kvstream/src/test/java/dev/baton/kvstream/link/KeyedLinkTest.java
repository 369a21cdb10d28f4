package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.ProofDecoder;
import dev.baton.kvstream.codec.SealedDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.kvstream.session.PatternKv;
import dev.baton.kvstream.session.ReceiveSession;
import dev.baton.kvstream.session.RecordingKv;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Both sides of a link with a cluster key, by a clock of the test's own, without a network. */
class KeyedLinkTest {
  private static final ClusterKey KEY = ClusterKey.parse("5a".repeat(32));
  private static final ClusterKey OTHER_KEY = ClusterKey.parse("5b".repeat(32));
  private static final long LEASE_NS = TimeUnit.SECONDS.toNanos(3);
  private static final Endpoint PEER = Endpoint.parse("127.0.0.1:7001");
  private static final String NAME = "the prefill node at 127.0.0.1:7001";
  private static final int SEALED = SealedDecoder.TEMPLATE_ID;

  private long nowNs = 1_000_000;
  private final NodeIdentity node = Nodes.node();
  private final TestConnector line = new TestConnector();
  private final RecordingChannel answers = new RecordingChannel();
  private final RecordingKv kv = new RecordingKv();
  private final Frame frame = new Frame();
  private final ControlWriter writer = new ControlWriter();
  private final List<Long> accepted = new ArrayList<>();
  private final List<Long> released = new ArrayList<>();
  private int proved;
  private int handshakes;

  private final PrefillService service =
      new PrefillService() {
        @Override
        public @Nullable String accept(PrefillOrder order, KvSender sender) {
          accepted.add(order.sessionId());
          sender.begin((layer, _, first, tokens, dst, offset) -> 0);
          return null;
        }

        @Override
        public void released(long sessionId) {
          released.add(sessionId);
        }
      };

  private StreamConfig config(@Nullable ClusterKey key) {
    return StreamConfig.builder().leaseNs(LEASE_NS).clock(() -> nowNs).clusterKey(key).build();
  }

  private void say(Link link, UnsafeBuffer message) {
    link.onControl(frame.wrap(message, 0, message.capacity()), message, nowNs);
  }

  private UnsafeBuffer plain(int length) {
    UnsafeBuffer copy = new UnsafeBuffer(new byte[length]);
    copy.putBytes(0, writer.buffer(), 0, length);
    return copy;
  }

  /** A decode node that has said Hello on the line's last channel. */
  private DecodeSideLink greeting() {
    DecodeSideLink link = new DecodeSideLink(PEER, node, config(KEY), line);
    link.greet();
    return link;
  }

  /** A prefill node that has answered that Hello. */
  private PrefillSideLink answering(ClusterKey key) {
    UnsafeBuffer hello = line.last().sent.getLast();
    frame.wrap(hello, 0, hello.capacity());
    HelloDecoder decoder = new HelloDecoder();
    Handshake.Caller caller = Handshake.readCaller(frame, hello, decoder);
    byte[] theirs = Handshake.readIntroduction(decoder, Nodes.node()).random();
    StreamAgent.Self self = new StreamAgent.Self(node, config(key), () -> {});
    LinkControl control = new LinkControl(answers, new ControlWriter());
    PrefillSideLink link =
        PrefillSideLink.accepting(caller, 99, LEASE_NS, self, service, control, kv);
    byte[] own = new byte[LinkSecrets.NONCE_BYTES];
    new SplittableRandom(1000 + handshakes++).nextBytes(own);
    link.requireProof(new KeyResponder(key, own, theirs, frame, hello, () -> proved++));
    link.doWork(nowNs);
    return link;
  }

  /** Hands what both have said to each other until neither has more to say. */
  private void talk(DecodeSideLink decode, PrefillSideLink prefill) {
    boolean more = true;
    while (more) {
      decode.doWork(nowNs);
      prefill.doWork(nowNs);
      List<UnsafeBuffer> toDecode = taken(answers);
      List<UnsafeBuffer> toPrefill = taken(line.last());
      toDecode.forEach(message -> say(decode, message));
      toPrefill.stream()
          .filter(it -> it.getShort(2) != HelloDecoder.TEMPLATE_ID)
          .forEach(message -> say(prefill, message));
      more = !toDecode.isEmpty() || !toPrefill.isEmpty();
    }
  }

  private static List<UnsafeBuffer> taken(RecordingChannel channel) {
    List<UnsafeBuffer> messages = List.copyOf(channel.sent);
    channel.sent.clear();
    return messages;
  }

  private ReceiveSession order(DecodeSideLink link, long id) {
    ReceiveSession session =
        new ReceiveSession(
            Nodes.order(id, 50, 0, 5, 10),
            new PatternKv(Nodes.SMALL, 50),
            node.states(),
            new ReceiveSession.Windows(1 << 20, StreamConfig.USUAL_ROWS_BYTES),
            NAME,
            ReceiveSession::detach);
    link.order(session);
    return session;
  }

  @Test
  void shouldProveOnBothSidesAndSealAllThatFollows() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    assertEquals(List.of(HelloDecoder.TEMPLATE_ID), line.last().templates());
    assertEquals(List.of(HelloReplyDecoder.TEMPLATE_ID), answers.templates());
    taken(line.last());
    taken(answers).forEach(message -> say(decode, message));
    decode.doWork(nowNs);
    assertEquals(List.of(ProofDecoder.TEMPLATE_ID, SEALED), line.last().templates());
    assertFalse(decode.isAlive() || kv.sealed);
    taken(line.last()).forEach(message -> say(prefill, message));
    assertEquals(1, proved);
    assertTrue(kv.sealed);
    assertEquals(List.of(SEALED), answers.templates());
    talk(decode, prefill);
    assertTrue(decode.isAlive());
    order(decode, 1);
    talk(decode, prefill);
    assertEquals(List.of(1L), accepted);
    decode.end("enough");
    assertEquals(List.of(SEALED), line.last().templates());
    talk(decode, prefill);
    assertTrue(prefill.isOver());
    assertEquals(List.of(1L), released);
  }

  @Test
  void shouldServeNothingBeforeTheProof() {
    greeting();
    PrefillSideLink prefill = answering(KEY);
    assertThrows(
        MalformedMessage.class,
        () -> say(prefill, plain(writer.order(Nodes.order(1, 50, 0, 5, 10), 1 << 20, 50))));
    assertThrows(
        MalformedMessage.class, () -> say(prefill, plain(writer.leaseRenewal(nowNs, 0, 0))));
    assertEquals(List.of(HelloReplyDecoder.TEMPLATE_ID), answers.templates());
    assertEquals(List.of(), accepted);
    say(prefill, plain(writer.goodbye("never mind")));
    assertTrue(prefill.isOver());
    assertEquals(0, proved);
  }

  @Test
  void shouldLeaveADecodeNodeWhoseProofIsWrong() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    taken(answers).forEach(message -> say(decode, message));
    UnsafeBuffer proof = line.last().sent.get(1);
    proof.putByte(20, (byte) ~proof.getByte(20));
    say(prefill, proof);
    assertTrue(prefill.isOver() && answers.closed && kv.closed);
    assertEquals(0, proved);
    assertFalse(kv.sealed);
    assertEquals(List.of(SEALED), answers.templates());
    taken(answers).forEach(message -> say(decode, message));
    assertEquals(NAME + " has left: your cluster key is another one", decode.lostReason());
  }

  @Test
  void shouldTakeNoProofForAnotherHandshake() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    taken(answers).forEach(message -> say(decode, message));
    PrefillSideLink next = new KeyedLinkTest().answeringTo(line);
    say(next, line.last().sent.get(1));
    assertTrue(next.isOver());
    say(prefill, line.last().sent.get(1));
    assertFalse(prefill.isOver());
  }

  /** Answers the first Hello on a line, with other random bytes. */
  private PrefillSideLink answeringTo(TestConnector other) {
    handshakes = 7;
    line.opened.addAll(other.opened);
    List<UnsafeBuffer> sent = List.copyOf(line.last().sent);
    line.last().sent.subList(1, sent.size()).clear();
    PrefillSideLink link = answering(KEY);
    line.last().sent.addAll(sent.subList(1, sent.size()));
    return link;
  }

  @Test
  void shouldLeaveADecodeNodeThatProvesNothingInTime() {
    greeting();
    PrefillSideLink prefill = answering(KEY);
    nowNs += StreamConfig.builder().build().handshakeTimeoutNs();
    prefill.doWork(nowNs);
    assertFalse(prefill.isOver());
    nowNs += 1;
    prefill.doWork(nowNs);
    assertTrue(prefill.isOver() && answers.closed && kv.closed);
    assertEquals(List.of(HelloReplyDecoder.TEMPLATE_ID, SEALED), answers.templates());
  }

  @Test
  void shouldRefuseAPrefillNodeWithAnotherKey() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(OTHER_KEY);
    talk(decode, prefill);
    assertEquals(
        NAME
            + " cannot be used: its cluster key is another one: start both with the same"
            + " BATON_CLUSTER_KEY_FILE",
        decode.lostReason());
    assertTrue(decode.isOver() && prefill.isOver(), "each knows at once");
    assertEquals(0, proved);
  }

  @Test
  void shouldRefuseAPrefillNodeThatAcceptsWithoutAProof() {
    DecodeSideLink decode = greeting();
    say(decode, plain(TestConnector.accept(writer, 5, LEASE_NS, 99, node)));
    assertTrue(String.valueOf(decode.lostReason()).contains("cluster key"), decode::lostReason);
    assertEquals(GoodbyeDecoder.TEMPLATE_ID, line.last().templates().getLast());
  }

  @Test
  void shouldListenToNothingButAReplyBeforeTheProof() {
    DecodeSideLink decode = greeting();
    assertThrows(MalformedMessage.class, () -> say(decode, plain(writer.goodbye("go away"))));
    assertFalse(decode.isOver());
  }

  @Test
  void shouldRefusePlainMessagesAndRepeatedOnesAfterTheProof() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    talk(decode, prefill);
    order(decode, 1);
    UnsafeBuffer ordered = taken(line.last()).getFirst();
    say(prefill, ordered);
    assertEquals(List.of(1L), accepted);
    String twice = assertThrows(MalformedMessage.class, () -> say(prefill, ordered)).getMessage();
    assertTrue(twice.contains("it was sent again or forged"), twice);
    UnsafeBuffer renewal = plain(writer.leaseRenewal(nowNs, nowNs, nowNs));
    assertThrows(MalformedMessage.class, () -> say(prefill, renewal));
    assertThrows(MalformedMessage.class, () -> say(decode, renewal));
    UnsafeBuffer goodbye = plain(writer.goodbye("a stranger says so"));
    assertThrows(MalformedMessage.class, () -> say(prefill, goodbye));
    assertThrows(MalformedMessage.class, () -> say(decode, goodbye));
    assertThrows(
        MalformedMessage.class,
        () -> decode.onKv(frame.wrap(renewal, 0, renewal.capacity()), renewal, nowNs));
    assertFalse(decode.isOver() || prefill.isOver());
  }

  @Test
  void shouldNotTakeBackWhatItSaidItself() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    talk(decode, prefill);
    order(decode, 1);
    UnsafeBuffer own = line.last().sent.getFirst();
    assertThrows(MalformedMessage.class, () -> say(decode, own));
  }

  @Test
  void shouldKeepTheOrderOfSealedMessagesWhileTheChannelTakesNothing() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    talk(decode, prefill);
    line.last().taking = false;
    nowNs += LEASE_NS / 10;
    for (int i = 0; i < 5; i++) {
      decode.doWork(nowNs);
      order(decode, i);
    }
    line.last().taking = true;
    talk(decode, prefill);
    assertEquals(List.of(0L, 1L, 2L, 3L, 4L), accepted);
    assertTrue(decode.isAlive());
  }

  @Test
  void shouldGoOnAfterABreakWithNewKeysOnceTheKeyIsProvedAgain() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    byte[] firstHello = bytes(line.last().sent.getFirst());
    talk(decode, prefill);
    ReceiveSession session = order(decode, 1);
    talk(decode, prefill);
    nowNs += LEASE_NS / 4 + 1_000_000;
    decode.doWork(nowNs);
    assertEquals(List.of(HelloDecoder.TEMPLATE_ID), line.last().templates());
    assertFalse(Arrays.equals(firstHello, bytes(line.last().sent.getFirst())));
    PrefillSideLink again = answering(KEY);
    assertEquals(1, proved, "nothing is taken over before the proof");
    talk(decode, again);
    assertEquals(2, proved);
    assertTrue(decode.isAlive());
    assertEquals(1, session.report().resumes());
  }

  @Test
  void shouldGreetAgainForASpoiledMessageAndOrderWhatIsAskedForMeanwhile() {
    DecodeSideLink decode = greeting();
    PrefillSideLink prefill = answering(KEY);
    talk(decode, prefill);
    ReceiveSession first = order(decode, 1);
    UnsafeBuffer ordered = taken(line.last()).getFirst();
    ordered.putByte(30, (byte) ~ordered.getByte(30));
    hear(prefill, ordered);
    assertFalse(prefill.isOver(), "nobody knows who spoiled it");
    assertEquals(List.of(), accepted);
    nowNs += 150_000_000;
    List<UnsafeBuffer> said = taken(answers);
    assertEquals(1, said.size(), "that it greet again");
    said.forEach(message -> hear(decode, message));
    decode.doWork(nowNs);
    assertEquals(2, line.opened.size());
    ReceiveSession second = order(decode, 2);
    PrefillSideLink again = answering(KEY);
    talk(decode, again);
    assertTrue(decode.isAlive());
    assertEquals(List.of(1L, 2L), accepted);
    assertEquals(1, first.report().resumes());
    assertFalse(first.isFinal() || second.isFinal());
  }

  private static byte[] bytes(UnsafeBuffer message) {
    byte[] copy = new byte[message.capacity()];
    message.getBytes(0, copy);
    return copy;
  }

  @Test
  void shouldSurviveAnyBytesInTheHandshakeAndAfterIt() {
    long seed = 20_260_714;
    SplittableRandom random = new SplittableRandom(seed);
    int over = 0;
    for (int round = 0; round < 300; round++) {
      DecodeSideLink decode = greeting();
      PrefillSideLink prefill = answering(KEY);
      UnsafeBuffer reply = answers.sent.getLast();
      boolean before = random.nextBoolean();
      if (!before) {
        talk(decode, prefill);
        order(decode, round);
      }
      for (int i = 0; i < 100; i++) {
        hear(decode, spoilt(reply, random));
        hear(prefill, spoilt(line.last().sent.getLast(), random));
        decode.doWork(nowNs);
        prefill.doWork(nowNs);
      }
      over += decode.isOver() || prefill.isOver() ? 1 : 0;
      assertEquals(List.of(), accepted, "with seed " + seed);
      decode.end("the round is over");
      prefill.end("the round is over");
      taken(answers);
    }
    assertTrue(over > 100, over + " of 300 rounds ended a link: is anything read?");
  }

  private void hear(Link link, UnsafeBuffer message) {
    Inbound inbound =
        new Inbound(44, (from, at, buffer, now) -> link.onControl(at, buffer, now), () -> nowNs);
    inbound.bind(link);
    inbound.onMessage(message, 0, message.capacity());
  }

  private static UnsafeBuffer spoilt(UnsafeBuffer model, SplittableRandom random) {
    int length = random.nextInt(8) == 0 ? random.nextInt(model.capacity()) : model.capacity();
    UnsafeBuffer message = new UnsafeBuffer(new byte[length]);
    message.putBytes(0, model, 0, length);
    for (int flips = 1 + random.nextInt(3); flips > 0 && length > 0; flips--) {
      int at = random.nextInt(length);
      message.putByte(at, (byte) (message.getByte(at) ^ 1 << random.nextInt(8)));
    }
    // Bits that were changed twice are none the worse.
    return message.equals(model) ? spoilt(model, random) : message;
  }

  @Test
  void shouldAnswerOnlyWhereThatIsAllowed() {
    Endpoint here = Endpoint.parse("127.0.0.1:7001");
    Endpoint elsewhere = Endpoint.parse("192.0.2.1:7001");
    assertTrue(Handshake.mayAnswer(here, here, false));
    assertTrue(Handshake.mayAnswer(here, here, true));
    assertTrue(Handshake.mayAnswer(elsewhere, elsewhere, true));
    assertTrue(Handshake.mayAnswer(elsewhere, here, true), "through a relay");
    assertFalse(Handshake.mayAnswer(elsewhere, elsewhere, false));
    assertFalse(Handshake.mayAnswer(elsewhere, here, false));
    assertFalse(Handshake.mayAnswer(here, elsewhere, true));
    for (String nobody : List.of("0.0.0.0:7001", "224.0.0.1:7001", "127.0.0.1:0", "[::]:7001")) {
      assertFalse(Handshake.mayAnswer(Endpoint.parseLiteral(nobody), here, true), nobody);
    }
  }

  @Test
  void shouldNameWhatIsWrongWhenOneSideHasNoKey() {
    byte[] none = new byte[LinkSecrets.NONCE_BYTES];
    byte[] some = {1};
    assertEquals(null, Handshake.judgeKey(false, none));
    assertEquals(null, Handshake.judgeKey(true, Arrays.copyOf(some, 32)));
    Set<String> reasons =
        Set.of(
            String.valueOf(Handshake.judgeKey(true, none)),
            String.valueOf(Handshake.judgeKey(false, Arrays.copyOf(some, 32))));
    assertTrue(reasons.stream().anyMatch(it -> it.contains("it needs a cluster key")));
    assertTrue(reasons.stream().anyMatch(it -> it.contains("it has no cluster key")));
  }
}
