package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.codec.AbortDecoder;
import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.GreetAgainDecoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.LeaseRenewalDecoder;
import dev.baton.kvstream.codec.OrderRefusedDecoder;
import dev.baton.kvstream.codec.PrefixHitsDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Credit;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.message.PrefixReader;
import dev.baton.kvstream.seal.OpenedMessage;
import dev.baton.kvstream.session.ClockOffset;
import dev.baton.kvstream.session.KvReader;
import dev.baton.kvstream.session.ReceiveSession;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.agrona.DirectBuffer;
import org.agrona.collections.Long2ObjectHashMap;
import org.agrona.collections.LongArrayList;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * A decode node's side of its acquaintance with one prefill node: handshake, lease, clock, and the
 * sessions it receives. Stream thread only, but for the few volatile facts.
 */
final class DecodeSideLink implements Link {
  /** Round trips measured quickly after the handshake; the best one aligns the clocks. */
  private static final int FIRST_ROUND_TRIPS = 8;

  private static final long FIRST_ROUND_TRIPS_APART_NS = 1_000_000;

  /** Greetings because of spoiled messages are not closer than this. */
  private static final long MEND_PAUSE_NS = 100_000_000;

  /** When no KV came for so long, what was missed is not on its way any more. */
  private static final long MISSED_PAUSE_NS = 100_000_000;

  /** Queries that may wait for their answers. */
  private static final int MAX_QUERIES = 1024;

  private enum State {
    /** Hello is said, for the first time or, with a link id, after the connection broke. */
    GREETING,
    ACCEPTED,
    OPEN,
    LOST
  }

  private final String label;
  private final NodeIdentity self;
  private final @Nullable ClusterKey clusterKey;
  private final NanoClock clock;
  private final PeerConnector line;
  private final Lease lease;
  private final long handshakeTimeoutNs;
  private final long createdNs;
  private final ClockOffset offset = new ClockOffset();
  private final Long2ObjectHashMap<ReceiveSession> sessions = new Long2ObjectHashMap<>();
  private final List<ReceiveSession> inOrder = new ArrayList<>();
  private final KvReader reader = new KvReader(sessions, offset);
  private final HelloReplyDecoder reply = new HelloReplyDecoder();
  private final OrderRefusedDecoder refused = new OrderRefusedDecoder();
  private final AbortDecoder abort = new AbortDecoder();
  private final LeaseRenewalDecoder renewal = new LeaseRenewalDecoder();
  private final GoodbyeDecoder goodbye = new GoodbyeDecoder();
  private final CompletableFuture<NodeIdentity> opened = new CompletableFuture<>();
  private final PrefixReader prefixes = new PrefixReader();
  private final Long2ObjectHashMap<Asked> queries = new Long2ObjectHashMap<>();
  private long lastQuery;
  private final LongArrayList endedMeanwhile = new LongArrayList();
  private State state = State.GREETING;
  private LinkControl control;
  private long nonce;
  private long linkId;
  private @Nullable NodeIdentity peer;
  private @Nullable KeyInitiator initiator;
  private int kvStreamSession;
  private byte[] parts = new byte[0]; // said in a Hello
  private int roundTrips;
  private boolean silent;
  private boolean broken;
  private boolean mends;
  private boolean kvMissed;
  private long greetedNs;
  private long kvHeardNs;

  private volatile boolean alive;
  private volatile @Nullable String lostReason;
  private volatile long roundTripNs;

  DecodeSideLink(Endpoint endpoint, NodeIdentity self, StreamConfig config, PeerConnector line) {
    this.label = "the prefill node at " + endpoint;
    this.self = self;
    this.clusterKey = config.clusterKey();
    this.clock = config.clock();
    this.line = line;
    this.control = line.open();
    this.createdNs = clock.nanoTime();
    this.handshakeTimeoutNs = config.handshakeTimeoutNs();
    this.lease = new Lease(config.leaseNs(), createdNs);
  }

  /** Introduces this node. */
  void greet() {
    nonce = line.nonce();
    state = State.GREETING;
    broken = false;
    greetedNs = clock.nanoTime();
    ControlWriter writer = control.writer();
    int length =
        writer.hello(
            nonce, clock.nanoTime(), lease.lengthNs(), linkId, self, line.replyTo(), parts);
    if (clusterKey != null) {
      initiator = new KeyInitiator(clusterKey, line.random(), writer, length);
    }
    control.send(length);
  }

  /** The connection seems broken: begins another one, to go on with the sessions there are. */
  private void greetAgain() {
    line.forget(this);
    control.close();
    control = line.open();
    roundTrips = 0;
    greet();
  }

  /** Completes with the peer's identity once orders may be sent, or with a StreamException. */
  CompletableFuture<NodeIdentity> opened() {
    return opened;
  }

  @Override
  public String label() {
    return label;
  }

  boolean isAlive() {
    return alive;
  }

  @Nullable String lostReason() {
    return lostReason;
  }

  long roundTripNs() {
    return roundTripNs;
  }

  boolean awaitsReply(long replyNonce) {
    return state == State.GREETING && nonce == replyNonce;
  }

  /** True when a KV stream of this number is the one the peer named. */
  boolean isKvStream(int streamSession) {
    return (state == State.ACCEPTED || state == State.OPEN) && kvStreamSession == streamSession;
  }

  // Sessions.

  /** Sends an order. The session fails at once when that is not possible. */
  void order(ReceiveSession session) {
    try {
      begin(session);
    } catch (Exception e) {
      session.fail("the order could not be sent: " + e);
      conclude(session, false);
    }
  }

  private void begin(ReceiveSession session) {
    long id = session.order().sessionId();
    if (state != State.OPEN && !mends) {
      session.fail(lostReason == null ? silence() : lostReason, lossFault());
    } else if (sessions.containsKey(id)) {
      session.fail("session " + id + " exists already: session ids are unique");
    } else if (peer != null && inOrder.size() >= peer.limits().orders()) {
      session.fail(
          label + " takes no more than " + peer.limits().orders() + " orders at once",
          TransferFault.REFUSED);
    }
    if (session.isFinal()) {
      session.detach();
      return;
    }
    sessions.put(id, session);
    inOrder.add(session);
    session.ordered(clock.nanoTime());
    if (state != State.GREETING) { // else it goes out with what is resumed
      sendOrder(session);
    }
  }

  /** Ends a session that its owner does not want any more. */
  void cancel(ReceiveSession session) {
    session.fail("cancelled by its owner", null);
    if (sessions.get(session.order().sessionId()) == session) {
      conclude(session, true);
    }
  }

  private void conclude(ReceiveSession session, boolean tellPeer) {
    long id = session.order().sessionId();
    sessions.remove(id);
    inOrder.remove(session);
    session.detach();
    if (tellPeer && state == State.GREETING) {
      endedMeanwhile.addLong(id);
    } else if (tellPeer && state != State.LOST) {
      String failure = session.failure();
      control.send(
          failure == null ? control.writer().received(id) : control.writer().abort(id, failure));
    }
  }

  // Queries.

  /** A query on its way. */
  private record Asked(PrefixQuery query, CompletableFuture<PrefixHits> answer) {}

  /** Asks the node what it holds of a prompt; the answer fails with the link. */
  void ask(PrefixQuery query, CompletableFuture<PrefixHits> answer) {
    if (state == State.LOST || queries.size() >= MAX_QUERIES) {
      String lost = lostReason;
      answer.completeExceptionally(
          new StreamException(lost != null ? lost : label + " leaves too many queries unanswered"));
      return;
    }
    long id = ++lastQuery;
    queries.put(id, new Asked(query, answer));
    if (state == State.OPEN) {
      control.send(control.writer().prefixQuery(id, query));
    }
  }

  private void askAgain() {
    queries.forEachLong((id, asked) -> control.send(control.writer().prefixQuery(id, asked.query)));
  }

  // Messages.

  /** Takes a message of the peer's KV stream. */
  void onKv(Frame frame, DirectBuffer buffer, long nowNs) {
    if (state == State.LOST) {
      return;
    }
    OpenedMessage opened = initiator == null ? null : initiator.kv();
    Frame message = opened == null ? frame : opened.open(frame, buffer);
    kvMissed |= opened != null && opened.takeMissed();
    kvHeardNs = nowNs;
    lease.heard(nowNs);
    reader.onMessage(message, opened == null ? buffer : opened.buffer(), nowNs);
  }

  @Override
  public void onControl(Frame frame, DirectBuffer buffer, long nowNs) {
    if (state == State.LOST) {
      return;
    }
    OpenedMessage opened = initiator == null ? null : initiator.control();
    if (opened != null) {
      onMessage(opened.open(frame, buffer), opened.buffer(), nowNs);
    } else if (initiator == null || frame.templateId() == HelloReplyDecoder.TEMPLATE_ID) {
      onMessage(frame, buffer, nowNs);
    } else {
      throw new MalformedMessage("message " + frame.templateId() + " before a HelloReply");
    }
  }

  private void onMessage(Frame frame, DirectBuffer buffer, long nowNs) {
    lease.heard(nowNs);
    switch (frame.templateId()) {
      case HelloReplyDecoder.TEMPLATE_ID -> onReply(frame, buffer, nowNs);
      case LeaseRenewalDecoder.TEMPLATE_ID -> onRenewal(frame, buffer, nowNs);
      case OrderRefusedDecoder.TEMPLATE_ID -> {
        frame.requireBlock(OrderRefusedDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        refused.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        failSession(
            refused.sessionId(),
            label + " refused: " + Frame.printable(refused.reason()),
            TransferFault.REFUSED);
      }
      case AbortDecoder.TEMPLATE_ID -> {
        frame.requireBlock(AbortDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        abort.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        failSession(
            abort.sessionId(),
            label + " gave up: " + Frame.printable(abort.reason()),
            TransferFault.CLOSED);
      }
      case PrefixHitsDecoder.TEMPLATE_ID -> {
        PrefixHits hits = prefixes.hits(frame, buffer);
        Asked asked = queries.remove(prefixes.answeredId());
        if (asked != null) {
          asked.answer.complete(hits);
        }
      }
      case GreetAgainDecoder.TEMPLATE_ID -> broken = true;
      case GoodbyeDecoder.TEMPLATE_ID -> {
        frame.requireBlock(GoodbyeDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        goodbye.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        lose(label + " has left: " + Frame.printable(goodbye.reason()));
      }
      default ->
          throw new MalformedMessage("message " + frame.templateId() + " is not for a decode node");
    }
  }

  private void sendOrder(ReceiveSession session) {
    control.send(
        control.writer().order(session.order(), session.creditLimit(), session.rowsLimit()));
  }

  private void failSession(long sessionId, String reason, TransferFault fault) {
    ReceiveSession session = sessions.get(sessionId);
    if (session != null) {
      session.fail(reason, fault);
      conclude(session, false);
    }
  }

  private void onReply(Frame frame, DirectBuffer buffer, long nowNs) {
    Handshake.Reply answer = Handshake.readReply(frame, buffer, reply, self);
    if (state != State.GREETING) {
      throw new MalformedMessage("a second HelloReply");
    }
    NodeIdentity identity = answer.identity();
    if (answer.version() != Handshake.PROTOCOL_VERSION) {
      refuse(Handshake.wrongVersion(answer.version(), Handshake.PROTOCOL_VERSION).reason());
    } else if (answer.outcome() == HelloOutcome.SAY_PARTS
        && parts.length == 0
        && !self.parts().isEmpty()) {
      parts = ModelParts.brief(self.parts()); // to be told in what the models differ
      greetAgain();
    } else if (identity == null) {
      refuse(answer.reason());
    } else if (initiator != null && !initiator.accept(answer, frame, buffer, control)) {
      if (linkId != 0) {
        return; // it knew the key once: this was spoiled on its way, and is asked for again
      }
      end(label + " cannot be used: " + Handshake.wrongKey().reason());
    } else {
      Handshake.Refusal refusal = Handshake.judge(identity, self, parts);
      if (refusal != null) {
        refuse(refusal.reason());
        return;
      }
      peer = identity;
      kvStreamSession = answer.kvStreamSession();
      lease.peerWaits(answer.leaseNs());
      boolean isBack = linkId != 0;
      linkId = answer.linkId();
      lease.renewAt(nowNs);
      state = State.ACCEPTED;
      if (isBack) {
        resumeSessions(); // at once: that its clock is measured anew can wait
      }
    }
  }

  private void refuse(String reason) {
    lose(label + " cannot be used: " + reason);
  }

  private void onRenewal(Frame frame, DirectBuffer buffer, long nowNs) {
    frame.requireBlock(LeaseRenewalDecoder.BLOCK_LENGTH);
    renewal.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    offset.sample(renewal.echoNs(), renewal.receivedNs(), renewal.sentNs(), nowNs);
    roundTripNs = offset.roundTripNs();
    if (++roundTrips < FIRST_ROUND_TRIPS) {
      lease.renewAt(nowNs + FIRST_ROUND_TRIPS_APART_NS);
    }
    NodeIdentity identity = peer;
    if (state == State.ACCEPTED && identity != null) {
      state = State.OPEN;
      mends = false;
      alive = true;
      opened.complete(identity);
    }
  }

  /** The peer is back: says what each session lacks, and what is not wanted any more. */
  private void resumeSessions() {
    for (int i = 0; i < inOrder.size(); i++) {
      ReceiveSession session = inOrder.get(i);
      session.resumed();
      if (session.state() == KvReceiver.State.ORDERED) {
        // The order itself may be what was lost.
        sendOrder(session);
      }
      request(session);
    }
    for (int i = 0; i < endedMeanwhile.size(); i++) {
      control.send(
          control.writer().abort(endedMeanwhile.getLong(i), "it ended while you were away"));
    }
    endedMeanwhile.clear();
    askAgain();
  }

  private void request(ReceiveSession session) {
    long bytes = session.renewCredit();
    control.send(
        control
            .writer()
            .sliceRequest(
                session.order().sessionId(),
                session.receivedBytes(),
                new Credit(bytes, session.rowsLimit()),
                session.rowsTaken(),
                session.missing()));
  }

  @Override
  public boolean isSealed() {
    return initiator != null && initiator.control() != null;
  }

  @Override
  public void spoiled(int streamSession) {
    if (isKvStream(streamSession)) {
      kvMissed = true;
    } else {
      broken = true;
    }
  }

  /** Whether the connection of a link that was there before seems broken, greeted or not. */
  private boolean isBroken(long nowNs) {
    return linkId != 0 && lease.isQuiet(nowNs) && nowNs - greetedNs > lease.quietNs();
  }

  private boolean mayMend(long nowNs) {
    return broken && state != State.GREETING && nowNs - greetedNs > MEND_PAUSE_NS;
  }

  // Time.

  @Override
  public void slept(long ns) {
    lease.slept(ns);
  }

  @Override
  public int doWork(long nowNs) {
    if (state == State.LOST) {
      return 0;
    }
    int work = control.flush();
    String failure = control.failure();
    if (failure != null) {
      lose(label + " cannot be reached any more: " + failure);
    } else if (state == State.GREETING && linkId == 0) {
      if (nowNs - createdNs > handshakeTimeoutNs) {
        silent = true;
        lose(
            "no answer from "
                + label
                + " within "
                + seconds(handshakeTimeoutNs)
                + ": "
                + line.doubt());
      }
    } else if (lease.isOver(nowNs)) {
      silent = true;
      end(silence());
    } else if (isBroken(nowNs) || mayMend(nowNs)) {
      mends = broken;
      greetAgain();
      work++;
    } else if (state != State.GREETING) {
      int renewals = renewLease(nowNs);
      work += renewals + (state == State.OPEN ? tendSessions(renewals > 0) : 0);
    }
    return work;
  }

  private String silence() {
    return label + " has been silent for " + seconds(lease.silentNs(clock.nanoTime()));
  }

  private TransferFault lossFault() {
    return silent || lostReason == null ? TransferFault.SILENT : TransferFault.CLOSED;
  }

  private int renewLease(long nowNs) {
    if (!lease.isRenewalDue(nowNs)
        || !control.trySend(control.writer().leaseRenewal(clock.nanoTime(), 0, 0))) {
      return 0;
    }
    lease.renewed(nowNs);
    return 1;
  }

  private int tendSessions(boolean renewing) {
    int work = 0;
    boolean isMissing = kvMissed && clock.nanoTime() - kvHeardNs > MISSED_PAUSE_NS;
    kvMissed &= !isMissing;
    for (int i = inOrder.size() - 1; i >= 0; i--) {
      ReceiveSession session = inOrder.get(i);
      if (session.isFinal()) {
        conclude(session, true);
        work++;
        continue;
      }
      if (session.takeRequestDue() || isMissing) {
        request(session);
        work++;
        continue;
      }
      long limit = session.creditDue(renewing);
      if (limit >= 0) {
        int rows = session.nextRowsLimit();
        long id = session.order().sessionId();
        if (control.trySend(control.writer().credit(id, limit, rows, session.rowsTaken()))) {
          session.credited(limit, rows);
          work++;
        }
      }
    }
    return work;
  }

  // The end.

  /** Ends the link, saying so to the peer as well. */
  @Override
  public void end(String reason) {
    if (state != State.LOST) {
      try {
        control.send(control.writer().goodbye(reason));
      } finally {
        lose(reason);
      }
    }
  }

  /** The peer is gone: every session fails with the reason. */
  private void lose(String reason) {
    lostReason = reason;
    alive = false;
    state = State.LOST;
    mends = false;
    while (!inOrder.isEmpty()) {
      ReceiveSession session = inOrder.getLast();
      session.fail(reason, lossFault());
      conclude(session, false);
    }
    control.close();
    queries.forEachLong(
        (_, asked) -> asked.answer.completeExceptionally(new StreamException(reason)));
    queries.clear();
    opened.completeExceptionally(
        silent ? StreamException.noAnswer(reason, null) : new StreamException(reason));
  }

  @Override
  public boolean isProven() {
    return state == State.ACCEPTED || state == State.OPEN;
  }

  /** The number of the KV stream that the peer named last, or null before. */
  @Nullable Integer namedKv() {
    return peer == null ? null : Integer.valueOf(kvStreamSession);
  }

  @Override
  public boolean isBusy() {
    return !inOrder.isEmpty();
  }

  @Override
  public boolean isOver() {
    return state == State.LOST;
  }

  @Override
  public boolean isDrained() {
    return control.isDrained();
  }

  static String seconds(long ns) {
    return String.format(Locale.ROOT, "%.1f s", ns / 1e9);
  }
}
