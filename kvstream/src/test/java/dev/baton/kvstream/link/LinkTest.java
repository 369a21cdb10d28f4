package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.codec.AbortDecoder;
import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.LeaseRenewalDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.PrefillOrderDecoder;
import dev.baton.kvstream.codec.SliceRequestDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.session.PatternKv;
import dev.baton.kvstream.session.ReceiveSession;
import dev.baton.kvstream.session.RecordingKv;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.agrona.collections.IntArrayList;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Both sides' leases and sessions by a clock of the test's own, without a network. */
class LinkTest {
  private static final long LEASE_NS = TimeUnit.SECONDS.toNanos(3);
  private static final long MS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final Endpoint PEER = Endpoint.parse("127.0.0.1:7001");
  private static final String NAME = "the prefill node at 127.0.0.1:7001";

  private long nowNs = 1_000_000;
  private final StreamConfig config =
      StreamConfig.builder().leaseNs(LEASE_NS).clock(() -> nowNs).build();
  private final NodeIdentity node = Nodes.node();
  private final TestConnector line = new TestConnector();
  private final LinkControl control = line.open();
  private RecordingChannel channel = line.last();
  private final ControlWriter peer = new ControlWriter();
  private final Frame frame = new Frame();

  private void say(Link link, int length) {
    link.onControl(frame.wrap(peer.buffer(), 0, length), peer.buffer(), nowNs);
  }

  private DecodeSideLink open() {
    return open(node);
  }

  private DecodeSideLink open(NodeIdentity prefill) {
    DecodeSideLink link = new DecodeSideLink(PEER, node, config, line);
    channel = line.last();
    link.greet();
    assertTrue(link.awaitsReply(5));
    say(link, TestConnector.accept(peer, 5, LEASE_NS, 99, prefill));
    assertFalse(link.isAlive(), "the round trip is measured first");
    link.doWork(nowNs);
    say(link, peer.leaseRenewal(nowNs + 70, nowNs, nowNs + 60));
    assertTrue(link.isAlive());
    assertTrue(link.opened().isDone());
    channel.sent.clear();
    return link;
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
  void shouldFailSessionsOfAPrefillNodeThatFallsSilent() {
    DecodeSideLink link = open();
    ReceiveSession session = order(link, 1);
    nowNs += LEASE_NS;
    link.doWork(nowNs);
    assertEquals(KvReceiver.State.ORDERED, session.state());
    assertTrue(link.isAlive());
    channel = line.last();
    nowNs += 1;
    link.doWork(nowNs);
    assertEquals(KvReceiver.State.FAILED, session.state());
    assertEquals(NAME + " has been silent for 3.0 s", session.failure());
    assertEquals(TransferFault.SILENT, session.report().fault());
    assertFalse(link.isAlive());
    assertTrue(link.isOver() && channel.closed);
    assertEquals(
        NAME + " has been silent for 3.0 s", channel.lastReason(), "a late wake-up is told");
  }

  @Test
  void shouldRenewItsLeaseTwelveTimesPerLease() {
    DecodeSideLink link = open();
    for (int i = 0; i < 8; i++) {
      say(link, peer.leaseRenewal(nowNs, nowNs, nowNs));
      link.doWork(nowNs);
    }
    channel.sent.clear();
    for (long end = nowNs + LEASE_NS; nowNs < end; nowNs += 10 * MS) {
      say(link, peer.leaseRenewal(nowNs, nowNs, nowNs));
      link.doWork(nowNs);
    }
    long renewals =
        channel.templates().stream().filter(id -> id == LeaseRenewalDecoder.TEMPLATE_ID).count();
    assertTrue(renewals >= 10 && renewals <= 13, renewals + " renewals");
  }

  @Test
  void shouldGiveNoMoreOrdersThanThePrefillNodeTakesAtOnce() {
    NodeIdentity busy =
        new NodeIdentity(
            node.name(),
            node.modelHash(),
            node.states(),
            4096,
            1,
            "java",
            Fidelity.EXACT,
            new NodeLimits(16, 4096, 2),
            node.capabilities());
    DecodeSideLink link = open(busy);
    assertNull(order(link, 1).failure());
    ReceiveSession second = order(link, 2);
    ReceiveSession third = order(link, 3);
    assertEquals(NAME + " takes no more than 2 orders at once", third.failure());
    assertEquals(2, channel.templates().size());
    link.cancel(second);
    assertNull(order(link, 4).failure());
  }

  @Test
  void shouldForgetAPrefillNodeThatSaysGoodbye() {
    DecodeSideLink link = open();
    ReceiveSession session = order(link, 1);
    say(link, peer.goodbye("line one\nline two"));
    assertEquals(NAME + " has left: line one line two", session.failure());
    assertTrue(link.isOver());
    assertEquals(
        List.of(PrefillOrderDecoder.TEMPLATE_ID), channel.templates(), "no goodbye to a goodbye");
  }

  @Test
  void shouldKeepMessagesInOrderWhileTheChannelTakesNothing() {
    DecodeSideLink link = open();
    channel.taking = false;
    ReceiveSession first = order(link, 1);
    ReceiveSession second = order(link, 2);
    link.cancel(first);
    assertEquals(KvReceiver.State.FAILED, first.state());
    link.doWork(nowNs);
    assertEquals(List.of(), channel.templates());
    channel.taking = true;
    link.doWork(nowNs);
    assertEquals(
        List.of(
            PrefillOrderDecoder.TEMPLATE_ID,
            PrefillOrderDecoder.TEMPLATE_ID,
            AbortDecoder.TEMPLATE_ID),
        channel.templates().subList(0, 3));
    assertNull(second.failure());
  }

  @Test
  void shouldRefuseASecondReplyAndMessagesForTheOtherSide() {
    DecodeSideLink link = open();
    int reply = TestConnector.accept(peer, 5, LEASE_NS, 99, node);
    assertThrows(MalformedMessage.class, () -> say(link, reply));
    int credit = peer.credit(1, 5, 0, 0);
    assertThrows(MalformedMessage.class, () -> say(link, credit));
  }

  @Test
  void shouldNotBelieveAPrefillNodeThatAcceptsWithAnotherModel() {
    DecodeSideLink link = new DecodeSideLink(PEER, node, config, line);
    NodeIdentity other = Nodes.node(Nodes.SMALL, 25, 4096);
    say(link, TestConnector.accept(peer, 5, LEASE_NS, 99, other));
    assertTrue(link.isOver());
    assertTrue(
        String.valueOf(link.lostReason()).contains("; the other node's has not"), link::lostReason);
  }

  private int quietMs() {
    return (int) (LEASE_NS / 4 / MS) + 1;
  }

  @Test
  void shouldGreetASilentPrefillNodeAgainAndAskForWhatIsMissing() {
    DecodeSideLink link = open();
    ReceiveSession session = order(link, 1);
    ReceiveSession unwanted = order(link, 2);
    nowNs += quietMs() * MS;
    link.doWork(nowNs);
    assertEquals(List.of(HelloDecoder.TEMPLATE_ID), line.last().templates());
    assertTrue(channel.closed && line.forgotten == 1);
    assertEquals(99, hello(line.last()).resumes());
    link.cancel(unwanted);
    ReceiveSession late = order(link, 3);
    assertTrue(String.valueOf(late.failure()).contains("has been silent for 0.8 s"), late::failure);
    assertTrue(link.isAlive(), "its sessions may go on");
    line.last().sent.clear();
    say(link, TestConnector.accept(peer, 6, LEASE_NS, 100, node));
    assertEquals(
        List.of(
            PrefillOrderDecoder.TEMPLATE_ID,
            SliceRequestDecoder.TEMPLATE_ID,
            AbortDecoder.TEMPLATE_ID),
        line.last().templates(),
        "at once, and with the order, which may be what was lost");
    link.doWork(nowNs);
    say(link, peer.leaseRenewal(nowNs + 70, nowNs, nowNs + 60));
    assertEquals(KvReceiver.State.ORDERED, session.state());
    assertEquals(1, session.report().resumes());
    nowNs += quietMs() * MS;
    link.doWork(nowNs);
    assertEquals(100, hello(line.last()).resumes(), "the newest acquaintance is gone on with");
  }

  private static HelloDecoder hello(RecordingChannel on) {
    return new HelloDecoder().wrapAndApplyHeader(on.sent.getFirst(), 0, new MessageHeaderDecoder());
  }

  @Test
  void shouldGreetOnceMoreWhenTheGreetingOfAResumeIsLostToo() {
    DecodeSideLink link = open();
    ReceiveSession session = order(link, 1);
    for (int lost = 1; lost <= 3; lost++) {
      nowNs += quietMs() * MS;
      link.doWork(nowNs);
      assertEquals(List.of(HelloDecoder.TEMPLATE_ID), line.last().templates());
      assertEquals(99, hello(line.last()).resumes());
      assertEquals(lost, line.forgotten, "its connection is given up");
      link.doWork(nowNs + MS);
      assertEquals(lost, line.forgotten, "but not at once");
    }
    say(link, TestConnector.accept(peer, 8, LEASE_NS, 100, node));
    assertTrue(line.last().templates().contains(SliceRequestDecoder.TEMPLATE_ID));
    nowNs += quietMs() * MS; // and what follows the answer may be lost
    link.doWork(nowNs);
    assertEquals(4, line.forgotten);
    assertEquals(100, hello(line.last()).resumes());
    assertEquals(KvReceiver.State.ORDERED, session.state());
  }

  @Test
  void shouldFailItsSessionsWhenTheSilentPrefillNodeComesBackAsAnother() {
    DecodeSideLink link = open();
    ReceiveSession session = order(link, 1);
    nowNs += quietMs() * MS;
    link.doWork(nowNs);
    say(link, TestConnector.accept(peer, 6, LEASE_NS, 100, Nodes.node(Nodes.SMALL, 25, 4096)));
    assertTrue(link.isOver());
    assertTrue(
        String.valueOf(session.failure()).contains("; the other node's has not"), session::failure);
  }

  // The prefill node's side.

  private final RecordingKv kv = new RecordingKv();
  private final List<KvSender> senders = new ArrayList<>();
  private final List<Long> released = new ArrayList<>();
  private final List<OrderReport> ends = new ArrayList<>();

  private final PrefillService service =
      new PrefillService() {
        @Override
        public @Nullable String accept(PrefillOrder order, KvSender sender) {
          if (order.sessionId() < 0) {
            throw new IllegalStateException("broken");
          }
          senders.add(sender);
          sender.begin((layer, _, first, tokens, dst, offset) -> 0);
          return null;
        }

        @Override
        public void released(long sessionId) {
          released.add(sessionId);
        }

        @Override
        public void ended(OrderReport report) {
          ends.add(report);
        }
      };

  private PrefillSideLink serving() {
    return serving(kv);
  }

  private PrefillSideLink serving(RecordingKv kv) {
    channel.sent.clear();
    StreamAgent.Self self = new StreamAgent.Self(node, config, () -> {});
    Handshake.Caller caller = new Handshake.Caller(5, 1, "127.0.0.1:9999");
    PrefillSideLink link =
        PrefillSideLink.accepting(caller, 99, LEASE_NS, self, service, control, kv);
    link.doWork(nowNs);
    assertEquals(List.of(HelloReplyDecoder.TEMPLATE_ID), channel.templates());
    return link;
  }

  private int anOrder(long id) {
    return peer.order(Nodes.order(id, 50, 0, 5, 10), 1 << 20, 50);
  }

  @Test
  void shouldReleaseSessionsOfADecodeNodeThatFallsSilent() {
    PrefillSideLink link = serving();
    say(link, anOrder(1));
    say(link, anOrder(2));
    nowNs += LEASE_NS;
    link.doWork(nowNs);
    assertEquals(List.of(), released);
    nowNs += 1;
    link.doWork(nowNs);
    assertEquals(Set.of(1L, 2L), Set.copyOf(released));
    assertEquals(2, released.size());
    assertEquals("nothing was heard from you for 3.0 s", channel.lastReason());
    assertTrue(link.isOver() && channel.closed && kv.closed);
    say(link, anOrder(3));
    assertEquals(2, released.size(), "a late wake-up finds a closed door");
  }

  @Test
  void shouldTellOnceWhatBecameOfEachOrder() {
    PrefillSideLink link = serving();
    for (long id = 1; id <= 4; id++) {
      say(link, anOrder(id));
    }
    say(link, anOrder(1));
    say(link, anOrder(-1));
    nowNs += 7;
    say(link, peer.received(1));
    say(link, peer.received(1));
    say(link, peer.abort(2, "not wanted"));
    senders.get(2).fail("out of blocks");
    link.doWork(nowNs);
    say(link, peer.goodbye("the test is over"));
    assertEquals(
        List.of(
            OrderReport.End.REFUSED,
            OrderReport.End.REFUSED,
            OrderReport.End.DELIVERED,
            OrderReport.End.CANCELLED,
            OrderReport.End.FAILED,
            OrderReport.End.LOST),
        ends.stream().map(OrderReport::end).toList());
    assertEquals("session 1 exists already: session ids are unique", ends.get(0).reason());
    assertNull(ends.get(2).reason());
    assertEquals(7, ends.get(2).ns());
    assertEquals("not wanted", ends.get(3).reason());
    assertEquals("out of blocks", ends.get(4).reason());
    for (OrderReport end : ends) {
      assertEquals("the decode node at 127.0.0.1:9999", end.caller());
      assertEquals(50, end.tokens());
      assertEquals(0, end.fromLayer());
      assertEquals(5, end.toLayer());
    }
  }

  @Test
  void shouldSayWhatKindOfFaultEndedATransfer() {
    DecodeSideLink link = open();
    ReceiveSession refused = order(link, 1);
    ReceiveSession givenUp = order(link, 2);
    ReceiveSession unwanted = order(link, 3);
    ReceiveSession left = order(link, 4);
    assertNull(left.report().fault());
    say(link, peer.orderRefused(1, "busy"));
    say(link, peer.abort(2, "out of blocks"));
    link.cancel(unwanted);
    say(link, peer.goodbye("it ends"));
    assertEquals(TransferFault.REFUSED, refused.report().fault());
    assertEquals(TransferFault.CLOSED, givenUp.report().fault());
    assertNull(unwanted.report().fault());
    assertEquals(TransferFault.CLOSED, left.report().fault());
    assertEquals(TransferFault.CLOSED, order(link, 5).report().fault());
  }

  @Test
  void shouldReleaseEachSessionOnceHoweverItEnds() {
    PrefillSideLink link = serving();
    for (long id = 1; id <= 3; id++) {
      say(link, anOrder(id));
    }
    say(link, peer.received(1));
    say(link, peer.received(1));
    say(link, peer.abort(2, "enough"));
    say(link, peer.received(2));
    say(link, peer.goodbye("bye"));
    assertEquals(List.of(1L, 2L, 3L), released);
    assertFalse(
        channel.templates().contains(GoodbyeDecoder.TEMPLATE_ID), "no goodbye to a goodbye");
  }

  @Test
  void shouldAnswerEachRenewalAtOnce() {
    PrefillSideLink link = serving();
    say(link, peer.leaseRenewal(123, 0, 0));
    UnsafeBuffer answer = channel.sent.getLast();
    LeaseRenewalDecoder renewal = new LeaseRenewalDecoder();
    renewal.wrapAndApplyHeader(answer, 0, new MessageHeaderDecoder());
    assertEquals(123, renewal.echoNs());
    assertEquals(nowNs, renewal.receivedNs());
  }

  @Test
  void shouldRefuseOrdersThatItCannotTake() {
    PrefillSideLink link = serving();
    say(link, anOrder(1));
    say(link, anOrder(1));
    assertTrue(channel.lastReason().contains("exists already"), channel::lastReason);
    say(link, anOrder(-1));
    assertEquals(
        "its prefill side failed: java.lang.IllegalStateException: broken", channel.lastReason());
    say(link, peer.order(Nodes.order(3, 5000, 0, 5, 10), 1, 5000));
    assertTrue(channel.lastReason().contains("longer than its context"), channel::lastReason);
    say(link, peer.order(Nodes.order(4, 50, 0, 6, 10), 1, 50));
    assertTrue(
        channel.lastReason().contains("layers up to 6 of a model with 5"), channel::lastReason);
    assertEquals(List.of(), released, "what was not accepted is not released");
  }

  @Test
  void shouldAbortASessionWhoseReceiverGivesNoCredit() {
    PrefillSideLink link = serving();
    say(link, peer.order(Nodes.order(1, 50, 0, 5, 10), 0, 50));
    senders.getFirst().slice(0, 0, 10);
    link.doWork(nowNs);
    nowNs += LEASE_NS;
    say(link, peer.leaseRenewal(1, 0, 0));
    link.doWork(nowNs);
    assertEquals(List.of(), released);
    nowNs += 1;
    link.doWork(nowNs);
    assertEquals(List.of(1L), released);
    assertEquals("you took nothing for 3.0 s", channel.lastReason());
    assertFalse(link.isOver());
  }

  /** For tokens from 4 on of layer 0. */
  private int request(long id, long received) {
    return peer.sliceRequest(
        id,
        received,
        new Credit(1 << 20, 50),
        0,
        new IntArrayList(new int[] {0, 0, 0, 4, 46}, 5, -1));
  }

  @Test
  void shouldGoOnWithTheSessionsOfABrokenConnection() {
    PrefillSideLink broken = serving();
    say(broken, anOrder(1));
    senders.getFirst().slice(0, 0, 10);
    broken.doWork(nowNs);
    RecordingKv newKv = new RecordingKv();
    PrefillSideLink link = serving(newKv);
    link.takeOver(broken, nowNs);
    assertTrue(broken.isOver() && kv.closed);
    assertEquals(List.of(), released, "the session goes on");
    senders.getFirst().slice(0, 10, 10);
    link.doWork(nowNs);
    assertEquals(List.of(), newKv.sent);
    say(link, request(1, 40));
    link.doWork(nowNs);
    assertEquals(
        List.of("kv 0:4+4", "kv 0:8+2", "kv 0:10+4", "kv 0:14+4", "kv 0:18+2"), newKv.sent);
    say(link, request(8, 0));
    assertEquals("the session is not here any more", channel.lastReason());
    say(link, peer.received(1));
    assertEquals(List.of(1L), released);
  }

  @Test
  void shouldAbortABrokenSessionThatNobodyAsksFor() {
    PrefillSideLink broken = serving();
    say(broken, anOrder(1));
    PrefillSideLink link = serving(new RecordingKv());
    link.takeOver(broken, nowNs);
    for (int i = 0; i < 20; i++) {
      nowNs += LEASE_NS / 10;
      say(link, peer.leaseRenewal(1, 0, 0));
      link.doWork(nowNs);
    }
    assertEquals(List.of(1L), released);
    assertFalse(link.isOver());
  }

  @Test
  void shouldLetAShortPromptPassALongOneThatStillGetsOn() {
    PrefillSideLink link = serving();
    say(link, peer.order(Nodes.order(1, 2000, 0, 5, 10), 1 << 30, 2000));
    say(link, peer.order(Nodes.order(2, 500, 0, 5, 10), 1 << 30, 500));
    kv.tokensPerSlice = 1000;
    senders.get(0).slice(0, 0, 2000);
    senders.get(0).slice(1, 0, 2000);
    senders.get(1).slice(0, 0, 500);
    for (int layer = 1; layer < 5; layer++) {
      senders.get(1).slice(layer, 0, 500);
    }
    link.doWork(nowNs);
    // 500 tokens are 96,000 bytes, two messages fill a quantum; the fourth quantum is the long
    // one's.
    assertEquals(
        List.of(
            "kv 0:0+500",
            "digest 0 of 500",
            "kv 1:0+500",
            "digest 1 of 500",
            "kv 2:0+500",
            "digest 2 of 500",
            "kv 3:0+500"),
        kv.sent.subList(0, 7));
    link.doWork(nowNs);
    assertTrue(kv.sent.contains("kv 0:0+1000"), kv.sent::toString);
    assertTrue(
        kv.sent.indexOf("kv 4:0+500") < kv.sent.indexOf("kv 0:1000+1000")
            || !kv.sent.contains("kv 0:1000+1000"),
        kv.sent::toString);
  }
}
