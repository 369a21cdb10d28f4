package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
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
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.seal.OpenedMessage;
import dev.baton.kvstream.session.ClockOffset;
import dev.baton.kvstream.session.ReceiveSession;
import java.util.concurrent.CompletableFuture;
import org.agrona.DirectBuffer;
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
  private final OrderedSessions sessions;
  private final PrefixQueries queries = new PrefixQueries();
  private final HelloReplyDecoder reply = new HelloReplyDecoder();
  private final OrderRefusedDecoder refused = new OrderRefusedDecoder();
  private final AbortDecoder abort = new AbortDecoder();
  private final LeaseRenewalDecoder renewal = new LeaseRenewalDecoder();
  private final GoodbyeDecoder goodbye = new GoodbyeDecoder();
  private final CompletableFuture<NodeIdentity> opened = new CompletableFuture<>();
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
  private long greetedNs;

  private volatile boolean alive;
  private volatile @Nullable String lostReason;
  private volatile long roundTripNs;

  DecodeSideLink(Endpoint endpoint, NodeIdentity self, StreamConfig config, PeerConnector line) {
    this.label = "the prefill node at " + endpoint;
    this.self = self;
    this.clusterKey = config.clusterKey();
    this.clock = config.clock();
    this.sessions = new OrderedSessions(clock, offset);
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
    sessions.disconnected();
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

  // Sessions and queries.

  /** Sends an order. The session fails at once when that is not possible. */
  void order(ReceiveSession session) {
    try {
      begin(session);
    } catch (Exception e) {
      sessions.fail(session, "the order could not be sent: " + e, TransferFault.WRONG);
    }
  }

  private void begin(ReceiveSession session) {
    long id = session.order().sessionId();
    if (state != State.OPEN && !mends) {
      session.fail(lostReason == null ? silence() : lostReason, lossFault());
    } else if (sessions.contains(id)) {
      session.fail("session " + id + " exists already: session ids are unique");
    } else if (peer != null && sessions.count() >= peer.limits().orders()) {
      session.fail(
          label + " takes no more than " + peer.limits().orders() + " orders at once",
          TransferFault.REFUSED);
    }
    if (session.isFinal()) {
      session.detach();
    } else {
      sessions.add(session);
    }
  }

  /** Ends a session that its owner does not want any more. */
  void cancel(ReceiveSession session) {
    sessions.cancel(session);
  }

  /** Asks the node what it holds of a prompt; the answer fails with the link. */
  void ask(PrefixQuery query, CompletableFuture<PrefixHits> answer) {
    if (state == State.LOST || queries.isFull()) {
      String lost = lostReason;
      answer.completeExceptionally(
          new StreamException(lost != null ? lost : label + " leaves too many queries unanswered"));
      return;
    }
    long id = queries.add(query, answer);
    if (state == State.OPEN) {
      control.send(control.writer().prefixQuery(id, query));
    }
  }

  // Messages.

  /** Takes a message of the peer's KV stream. */
  void onKv(Frame frame, DirectBuffer buffer, long nowNs) {
    if (state == State.LOST) {
      return;
    }
    OpenedMessage opened = initiator == null ? null : initiator.kv();
    Frame message = opened == null ? frame : opened.open(frame, buffer);
    if (opened != null && opened.takeMissed()) {
      sessions.missed();
    }
    lease.heard(nowNs);
    sessions.onKv(message, opened == null ? buffer : opened.buffer(), nowNs);
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
        sessions.fail(
            refused.sessionId(),
            label + " refused: " + Frame.printable(refused.reason()),
            TransferFault.REFUSED);
      }
      case AbortDecoder.TEMPLATE_ID -> {
        frame.requireBlock(AbortDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        abort.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        sessions.fail(
            abort.sessionId(),
            label + " gave up: " + Frame.printable(abort.reason()),
            TransferFault.CLOSED);
      }
      case PrefixHitsDecoder.TEMPLATE_ID -> queries.onHits(frame, buffer);
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
        sessions.resume(control); // at once: that its clock is measured anew can wait
        queries.sendAll(control);
      } else {
        sessions.connected(control);
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

  @Override
  public boolean isSealed() {
    return initiator != null && initiator.control() != null;
  }

  @Override
  public void spoiled(int streamSession) {
    if (isKvStream(streamSession)) {
      sessions.missed();
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
                + Lease.seconds(handshakeTimeoutNs)
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
      work += renewals + (state == State.OPEN ? sessions.tend(control, renewals > 0) : 0);
    }
    return work;
  }

  private String silence() {
    return label + " has been silent for " + Lease.seconds(lease.silentNs(clock.nanoTime()));
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
    sessions.failAll(reason, lossFault());
    control.close();
    queries.fail(reason);
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
    return sessions.count() > 0;
  }

  @Override
  public boolean isOver() {
    return state == State.LOST;
  }

  @Override
  public boolean isDrained() {
    return control.isDrained();
  }
}
