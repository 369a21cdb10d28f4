package dev.baton.kvstream.link;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.codec.AbortDecoder;
import dev.baton.kvstream.codec.CreditDecoder;
import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.LeaseRenewalDecoder;
import dev.baton.kvstream.codec.PrefillOrderDecoder;
import dev.baton.kvstream.codec.PrefixQueryDecoder;
import dev.baton.kvstream.codec.ReceivedDecoder;
import dev.baton.kvstream.codec.SliceRequestDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.message.OrderReader;
import dev.baton.kvstream.message.PrefixReader;
import dev.baton.kvstream.seal.OpenedMessage;
import dev.baton.kvstream.session.KvStream;
import dev.baton.kvstream.session.SendSession;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * A prefill node's side of its acquaintance with one decode node: the answer to its Hello, lease,
 * orders, and the sessions it sends, which take turns on the KV stream. Stream thread only.
 */
final class PrefillSideLink implements Link {
  private static final System.Logger LOG = System.getLogger("dev.baton.kvstream");

  private enum State {
    ANSWERING,
    /** The reply is sent; with a cluster key, the decode node's proof of it is due. */
    PROVING,
    OPEN,
    OVER
  }

  private final String label;
  private final long linkId;
  private final Handshake.Caller caller;
  private final NodeIdentity self;
  private final @Nullable PrefillService service;
  private final Handshake.@Nullable Refusal refusal;
  private final NanoClock clock;
  private final LinkControl control;
  private final @Nullable KvStream kv;
  private final Lease lease;
  private final long createdNs;
  private final long handshakeTimeoutNs;
  private final @Nullable AcceptedSessions sessions; // null where it refuses
  private final PrefixReader prefixes = new PrefixReader();
  private final OrderReader orders = new OrderReader();
  private final CreditDecoder credit = new CreditDecoder();
  private final SliceRequestDecoder request = new SliceRequestDecoder();
  private final ReceivedDecoder received = new ReceivedDecoder();
  private final AbortDecoder abort = new AbortDecoder();
  private final LeaseRenewalDecoder renewal = new LeaseRenewalDecoder();
  private final GoodbyeDecoder goodbye = new GoodbyeDecoder();
  private State state = State.ANSWERING;
  private @Nullable KeyResponder responder;
  private @Nullable Endpoint source;
  private boolean answered;
  private boolean heard;
  private boolean wasDoubted;
  private boolean mending;
  private boolean isAnswerDue;
  private long dueEchoNs;
  private long dueReceivedNs;

  private PrefillSideLink(
      Handshake.Caller caller,
      long linkId,
      Handshake.@Nullable Refusal refusal,
      StreamAgent.Self self,
      @Nullable PrefillService service,
      LinkControl control,
      @Nullable KvStream kv) {
    this.linkId = linkId;
    this.label = "the decode node at " + caller.replyTo();
    this.caller = caller;
    this.refusal = refusal;
    this.self = self.identity();
    this.service = service;
    this.sessions = service == null ? null : new AcceptedSessions(label, self, service);
    this.control = control;
    this.kv = kv;
    this.clock = self.config().clock();
    this.createdNs = clock.nanoTime();
    this.handshakeTimeoutNs = self.config().handshakeTimeoutNs();
    this.lease = new Lease(self.config().leaseNs(), createdNs);
  }

  /** Accepts a caller: with the service that takes its orders and the stream its KV goes out on. */
  static PrefillSideLink accepting(
      Handshake.Caller caller,
      long linkId,
      long leaseNs,
      StreamAgent.Self self,
      PrefillService service,
      LinkControl control,
      KvStream kv) {
    PrefillSideLink link = new PrefillSideLink(caller, linkId, null, self, service, control, kv);
    link.lease.peerWaits(leaseNs);
    return link;
  }

  /** Refuses a caller, and is over as soon as that is said. */
  static PrefillSideLink refusing(
      Handshake.Caller caller,
      Handshake.Refusal refusal,
      StreamAgent.Self self,
      LinkControl control) {
    return new PrefillSideLink(caller, 0, refusal, self, null, control, null);
  }

  /** Has the decode node prove that it has the cluster key, before anything else. */
  void requireProof(KeyResponder key) {
    responder = key;
  }

  @Override
  public String label() {
    return label;
  }

  /** What the decode node calls this acquaintance by when it comes again. */
  long linkId() {
    return linkId;
  }

  /**
   * Goes on with the sessions of an earlier acquaintance whose connection broke; that one is over.
   * What each session lacks, the decode node says next.
   */
  void takeOver(PrefillSideLink earlier, long nowNs) {
    if (sessions != null && earlier.sessions != null) {
      sessions.takeOver(earlier.sessions, nowNs);
    }
    earlier.close();
  }

  // Messages.

  @Override
  public void onControl(Frame frame, DirectBuffer buffer, long nowNs) {
    if (state == State.OVER) {
      return;
    }
    OpenedMessage inside = responder == null ? null : responder.control();
    if (inside != null) {
      onMessage(inside.open(frame, buffer), inside.buffer(), nowNs);
    } else if (responder == null || frame.templateId() == GoodbyeDecoder.TEMPLATE_ID) {
      onMessage(frame, buffer, nowNs);
    } else {
      onProof(responder, frame, buffer, nowNs);
    }
  }

  private void onProof(KeyResponder due, Frame frame, DirectBuffer buffer, long nowNs) {
    if (kv != null && due.accept(frame, buffer, kv)) {
      lease.heard(nowNs);
      state = State.OPEN;
      heardBack();
    } else {
      end("your cluster key is another one");
    }
  }

  /** The decode node received the answer: only now it is worth a KV stream's memory. */
  private void heardBack() {
    heard = true;
    if (kv != null) {
      kv.open();
    }
  }

  private void onMessage(Frame frame, DirectBuffer buffer, long nowNs) {
    lease.heard(nowNs);
    if (state == State.OPEN) {
      heardBack();
    }
    switch (frame.templateId()) {
      case LeaseRenewalDecoder.TEMPLATE_ID -> onRenewal(frame, buffer, nowNs);
      case PrefillOrderDecoder.TEMPLATE_ID -> onOrder(frame, buffer);
      case CreditDecoder.TEMPLATE_ID -> {
        frame.requireBlock(CreditDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 0);
        credit.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        SendSession session = find(credit.sessionId());
        if (session != null) {
          session.credit(credit.limitBytes(), credit.rowsLimit(), credit.rowsTaken(), nowNs);
        }
      }
      case SliceRequestDecoder.TEMPLATE_ID -> {
        frame.requireBlock(SliceRequestDecoder.BLOCK_LENGTH);
        frame.requireGroup(buffer, SliceRequestDecoder.MissingDecoder.sbeBlockLength());
        request.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        onRequest(request.sessionId());
      }
      case PrefixQueryDecoder.TEMPLATE_ID -> onQuery(frame, buffer);
      case ReceivedDecoder.TEMPLATE_ID -> {
        frame.requireBlock(ReceivedDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 0);
        received.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        endSession(received.sessionId(), OrderReport.End.DELIVERED, null);
      }
      case AbortDecoder.TEMPLATE_ID -> {
        frame.requireBlock(AbortDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        abort.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        endSession(abort.sessionId(), OrderReport.End.CANCELLED, Frame.printable(abort.reason()));
      }
      case GoodbyeDecoder.TEMPLATE_ID -> {
        frame.requireBlock(GoodbyeDecoder.BLOCK_LENGTH);
        frame.requireTexts(buffer, 1);
        goodbye.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
        close();
      }
      default ->
          throw new MalformedMessage(
              "message " + frame.templateId() + " is not for a prefill node");
    }
  }

  private void onRequest(long id) {
    SendSession session = find(id);
    if (session == null) {
      control.send(control.writer().abort(id, "the session is not here any more"));
    } else {
      session.resume(request);
    }
  }

  private void onQuery(Frame frame, DirectBuffer buffer) {
    PrefillService asked = service;
    if (asked == null || state != State.OPEN) {
      throw new MalformedMessage("a query before the handshake has ended");
    }
    PrefixQuery query = prefixes.query(frame, buffer);
    PrefillService.Standing standing;
    try {
      standing = asked.standing(query);
    } catch (Exception e) {
      LOG.log(System.Logger.Level.WARNING, "the prefill side failed at a query: " + e);
      standing = new PrefillService.Standing(List.of(), 0, 0);
    }
    control.send(control.writer().prefixHits(prefixes.queryId(), standing, self));
  }

  private void onRenewal(Frame frame, DirectBuffer buffer, long nowNs) {
    frame.requireBlock(LeaseRenewalDecoder.BLOCK_LENGTH);
    frame.requireTexts(buffer, 0);
    renewal.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    if (kv == null || kv.isReady()) {
      control.trySend(control.writer().leaseRenewal(clock.nanoTime(), renewal.sentNs(), nowNs));
    } else {
      // Until it is there nothing can be ordered; the time that the answer waits is in it.
      dueEchoNs = renewal.sentNs();
      dueReceivedNs = nowNs;
      isAnswerDue = true;
    }
  }

  private int answerRenewal() {
    if (!isAnswerDue || kv == null || !kv.isReady()) {
      return 0;
    }
    isAnswerDue = false;
    control.trySend(control.writer().leaseRenewal(clock.nanoTime(), dueEchoNs, dueReceivedNs));
    return 1;
  }

  private void onOrder(Frame frame, DirectBuffer buffer) {
    AcceptedSessions accepting = sessions;
    if (accepting == null || state != State.OPEN) {
      throw new MalformedMessage("an order before the handshake has ended");
    }
    PrefillOrder wanted = orders.read(frame, buffer);
    String reason = accepting.accept(wanted, orders.credit());
    if (reason != null) {
      control.send(control.writer().orderRefused(wanted.sessionId(), reason));
      accepting.refused(wanted, reason);
    }
  }

  private @Nullable SendSession find(long id) {
    return sessions == null ? null : sessions.find(id);
  }

  private void endSession(long id, OrderReport.End how, @Nullable String reason) {
    if (sessions != null) {
      sessions.end(id, how, reason);
    }
  }

  @Override
  public boolean isSealed() {
    return responder != null && responder.control() != null;
  }

  @Override
  public void spoiled(int streamSession) {
    haveItMended("a message of yours was spoiled on its way");
  }

  /** Has the decode node greet again, once: nobody knows what the message was that is lost. */
  private void haveItMended(String reason) {
    if (!mending && state == State.OPEN) {
      mending = true;
      control.send(control.writer().greetAgain(reason));
    }
  }

  // Time.

  @Override
  public void slept(long ns) {
    lease.slept(ns);
  }

  @Override
  public int doWork(long nowNs) {
    if (state == State.OVER) {
      return 0;
    }
    int work = control.flush();
    if (control.failure() != null) {
      close();
    } else if (kv != null && kv.isBroken()) {
      end("the KV stream to you broke down: " + kv.trouble());
    } else if (state == State.ANSWERING) {
      work += answer(nowNs);
    } else if (state == State.PROVING) {
      if (nowNs - createdNs > handshakeTimeoutNs) {
        end(
            "you did not prove within "
                + Lease.seconds(handshakeTimeoutNs)
                + " that you have the cluster key");
      }
    } else if (lease.isOver(nowNs)) {
      end("nothing was heard from you for " + Lease.seconds(lease.lengthNs()));
    } else {
      work += answerRenewal() + pump(nowNs);
    }
    return work;
  }

  private int answer(long nowNs) {
    if (!answered) {
      int streamSession = kv == null ? 0 : kv.streamSession();
      var acceptance = new ControlWriter.Acceptance(lease.lengthNs(), linkId, streamSession);
      int length =
          refusal == null
              ? control.writer().helloReply(caller.nonce(), acceptance, self)
              : control
                  .writer()
                  .helloReply(caller.nonce(), refusal.outcome(), refusal.reason(), self);
      if (responder == null) {
        control.send(length);
      } else {
        responder.answer(control, length);
      }
      answered = true;
    }
    if (answered && control.isFlushed()) {
      lease.heard(nowNs);
      state = responder == null ? State.OPEN : State.PROVING;
      if (refusal != null) {
        close();
      }
      return 1;
    }
    if (nowNs - createdNs > handshakeTimeoutNs) {
      close();
    }
    return 0;
  }

  private int pump(long nowNs) {
    KvStream out = kv;
    AcceptedSessions sending = sessions;
    if (out == null || sending == null || !out.isReady()) {
      return 0;
    }
    int pumped = sending.pump(out, nowNs);
    for (int i = sending.count() - 1; i >= 0 && state != State.OVER; i--) {
      endIfFailed(sending.get(i), nowNs);
    }
    return pumped;
  }

  private void endIfFailed(SendSession session, long nowNs) {
    String failure = session.failure();
    if (session.waitsForTheStream() && session.isStuck(nowNs, lease.lengthNs() / 2)) {
      haveItMended("the KV stream to you takes nothing");
    }
    if (failure == null && session.isStuck(nowNs, lease.lengthNs())) {
      failure = "you took nothing for " + Lease.seconds(lease.lengthNs());
      if (session.waitsForTheStream()) {
        end(failure); // control still comes, so the KV stream alone is broken: a new link mends it
        return;
      }
    }
    if (failure != null) {
      long id = session.order().sessionId();
      control.send(control.writer().abort(id, failure));
      endSession(id, OrderReport.End.FAILED, failure);
    }
  }

  // The end.

  @Override
  public void end(String reason) {
    if (state != State.OVER) {
      try {
        control.send(control.writer().goodbye(reason));
      } finally {
        close();
      }
    }
  }

  private void close() {
    wasDoubted |= state == State.PROVING;
    state = State.OVER;
    if (sessions != null) {
      sessions.endAll();
    }
    control.close();
    if (kv != null) {
      kv.close();
    }
  }

  @Override
  public boolean isProven() {
    return state == State.OPEN && heard;
  }

  /** True when it ended because the decode node did not prove that it has the same key. */
  boolean wasDoubted() {
    return wasDoubted;
  }

  /** Who greets from where, until it has proved itself. */
  void greetedFrom(Endpoint endpoint) {
    source = endpoint;
  }

  @Nullable Endpoint source() {
    return source;
  }

  @Override
  public boolean isBusy() {
    return sessions != null && sessions.count() > 0;
  }

  @Override
  public boolean isOver() {
    return state == State.OVER;
  }

  @Override
  public boolean isDrained() {
    return control.isDrained();
  }
}
