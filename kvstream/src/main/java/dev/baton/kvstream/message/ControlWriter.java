package dev.baton.kvstream.message;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.codec.AbortEncoder;
import dev.baton.kvstream.codec.CreditEncoder;
import dev.baton.kvstream.codec.GoodbyeEncoder;
import dev.baton.kvstream.codec.GreetAgainEncoder;
import dev.baton.kvstream.codec.HelloEncoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.codec.HelloReplyEncoder;
import dev.baton.kvstream.codec.LeaseRenewalEncoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.NodeShapeEncoder;
import dev.baton.kvstream.codec.OrderRefusedEncoder;
import dev.baton.kvstream.codec.PrefillOrderEncoder;
import dev.baton.kvstream.codec.PrefixHitsEncoder;
import dev.baton.kvstream.codec.PrefixQueryEncoder;
import dev.baton.kvstream.codec.ProofEncoder;
import dev.baton.kvstream.codec.ReceivedEncoder;
import dev.baton.kvstream.codec.SliceRequestEncoder;
import java.nio.ByteOrder;
import java.util.List;
import org.agrona.ExpandableArrayBuffer;
import org.agrona.collections.IntArrayList;
import org.agrona.sbe.MessageEncoderFlyweight;

/**
 * Writes control messages, one at a time, into one buffer; every method returns the message's
 * length. One thread.
 */
public final class ControlWriter {
  private static final int MAX_TEXT_CHARS = 255;

  /** What a prefill node that takes a caller promises it. */
  public record Acceptance(long leaseNs, long linkId, int kvStreamSession) {}

  private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer(4096);
  private final MessageHeaderEncoder header = new MessageHeaderEncoder();
  private final HelloEncoder hello = new HelloEncoder();
  private final HelloReplyEncoder helloReply = new HelloReplyEncoder();
  private final ProofEncoder proof = new ProofEncoder();
  private final PrefillOrderEncoder order = new PrefillOrderEncoder();
  private final OrderRefusedEncoder refused = new OrderRefusedEncoder();
  private final CreditEncoder credit = new CreditEncoder();
  private final SliceRequestEncoder request = new SliceRequestEncoder();
  private final PrefixQueryEncoder query = new PrefixQueryEncoder();
  private final PrefixHitsEncoder hits = new PrefixHitsEncoder();
  private final ReceivedEncoder received = new ReceivedEncoder();
  private final AbortEncoder abort = new AbortEncoder();
  private final LeaseRenewalEncoder lease = new LeaseRenewalEncoder();
  private final GreetAgainEncoder greetAgain = new GreetAgainEncoder();
  private final GoodbyeEncoder goodbye = new GoodbyeEncoder();

  /** Holds the last message written, from offset 0. */
  public ExpandableArrayBuffer buffer() {
    return buffer;
  }

  /**
   * @param resumes the acquaintance to go on with, or 0
   */
  public int hello(
      long nonce, long nowNs, long leaseNs, long resumes, NodeIdentity identity, String replyTo) {
    return hello(nonce, nowNs, leaseNs, resumes, identity, replyTo, new byte[0]);
  }

  /**
   * @param parts what the model consists of, in brief, where a reply asked for it
   */
  public int hello(
      long nonce,
      long nowNs,
      long leaseNs,
      long resumes,
      NodeIdentity identity,
      String replyTo,
      byte[] parts) {
    begin(hello);
    hello.nonce(nonce).sentNs(nowNs).leaseNs(leaseNs).resumes(resumes);
    zero(hello.offset() + HelloEncoder.randomEncodingOffset(), HelloEncoder.randomLength());
    shape(hello.shape(), identity);
    hello.replyTo(replyTo);
    hello.name(shortened(identity.name())).modelHash(shortened(identity.modelHash()));
    hello.backend(shortened(identity.backend()));
    hello.putParts(parts, 0, parts.length);
    return length(hello);
  }

  /** Answers a Hello that has this nonce: the two can work together. */
  public int helloReply(long nonce, Acceptance acceptance, NodeIdentity identity) {
    return helloReply(nonce, acceptance, identity, HelloOutcome.ACCEPTED, "");
  }

  /** Answers a Hello that has this nonce: they cannot, and why. */
  public int helloReply(long nonce, HelloOutcome outcome, String reason, NodeIdentity identity) {
    return helloReply(nonce, new Acceptance(0, 0, 0), identity, outcome, reason);
  }

  private int helloReply(
      long nonce,
      Acceptance acceptance,
      NodeIdentity identity,
      HelloOutcome outcome,
      String reason) {
    begin(helloReply);
    helloReply.nonce(nonce).leaseNs(acceptance.leaseNs()).linkId(acceptance.linkId());
    helloReply.kvStreamSession(acceptance.kvStreamSession()).outcome(outcome);
    zero(
        helloReply.offset() + HelloReplyEncoder.randomEncodingOffset(),
        HelloReplyEncoder.randomLength() + HelloReplyEncoder.proofLength());
    shape(helloReply.shape(), identity);
    helloReply.reason(shortened(reason));
    helloReply.name(shortened(identity.name())).modelHash(shortened(identity.modelHash()));
    helloReply.backend(shortened(identity.backend()));
    return length(helloReply);
  }

  /** Puts the random bytes into the Hello just written. */
  public void putHelloRandom(byte[] random) {
    hello.putRandom(random, 0, random.length);
  }

  /** Puts the random bytes into the HelloReply just written. */
  public void putReplyRandom(byte[] random) {
    helloReply.putRandom(random, 0, random.length);
  }

  /** Puts the proof into the HelloReply just written. */
  public void putReplyProof(byte[] bytes) {
    helloReply.putProof(bytes, 0, bytes.length);
  }

  /** Proves the cluster key. */
  public int proof(byte[] bytes) {
    begin(proof);
    proof.putProof(bytes, 0, bytes.length);
    return length(proof);
  }

  /**
   * @param rowsLimit boundary rows of tokens before this one may be sent
   */
  public int order(PrefillOrder what, long creditBytes, int rowsLimit) {
    begin(order);
    Stage stage = what.stage();
    order.sessionId(what.sessionId()).creditBytes(creditBytes).digest(OrderDigest.of(what));
    order.rowsTicket(stage.rowsTicket()).rowsLimit(rowsLimit).firstToken(what.firstToken());
    order
        .chunkTokens(what.chunks().largestTokens())
        .lastChunkTokens(what.chunks().smallestTokens());
    order.deadlineMs(what.urgency().deadlineMs());
    order.fromLayer(stage.fromLayer()).toLayer(stage.toLayer());
    order.wireType(WireCodes.of(what.wireType())).sendsState((short) (stage.state() ? 1 : 0));
    order.sendsRows(WireCodes.of(stage.rows())).priority(WireCodes.of(what.urgency().priority()));
    String node = "";
    switch (stage.input()) {
      case Stage.Embedding() -> order.input((short) 0).inputTicket(0);
      case Stage.RowsOf(String at, long ticket) -> {
        order.input((short) 1).inputTicket(ticket);
        node = at;
      }
    }
    Prompt prompt = what.prompt();
    PrefillOrderEncoder.GivenEncoder given = order.givenCount(prompt.given().size());
    for (Prompt.Given run : prompt.given()) {
      given.next().firstToken(run.firstToken()).tokens(run.tokens());
      given.putHash(run.hash(), 0, run.hash().length);
    }
    order.inputNode(shortened(node)).adapter(shortened(prompt.adapter()));
    order.putSalt(prompt.salt(), 0, prompt.salt().length);
    int at = numbers(order.limit(), prompt.positions());
    return numbers(at, prompt.tokens());
  }

  private int numbers(int from, int[] numbers) {
    int at = from;
    buffer.putInt(at, numbers.length * Integer.BYTES, ByteOrder.LITTLE_ENDIAN);
    at += Integer.BYTES;
    buffer.checkLimit(at + numbers.length * Integer.BYTES);
    for (int number : numbers) {
      buffer.putInt(at, number, ByteOrder.LITTLE_ENDIAN);
      at += Integer.BYTES;
    }
    return at;
  }

  /** Refuses an order. */
  public int orderRefused(long sessionId, String reason) {
    begin(refused);
    refused.sessionId(sessionId).reason(shortened(reason));
    return length(refused);
  }

  /** Tells a sender what it may send from now on, and which boundary rows are there. */
  public int credit(long sessionId, long limitBytes, int rowsLimit, int rowsTaken) {
    begin(credit);
    credit.sessionId(sessionId).limitBytes(limitBytes);
    credit.rowsLimit(rowsLimit).rowsTaken(rowsTaken);
    return length(credit);
  }

  /**
   * @param credit what may be sent from now on
   * @param missing layer, state, position, first unit and units of each range that is not there
   */
  public int sliceRequest(
      long sessionId, long receivedBytes, Credit credit, int rowsTaken, IntArrayList missing) {
    begin(request);
    request.sessionId(sessionId).receivedBytes(receivedBytes).creditBytes(credit.bytes());
    request.rowsLimit(credit.rowsLimit()).rowsTaken(rowsTaken);
    SliceRequestEncoder.MissingEncoder group = request.missingCount(missing.size() / 5);
    for (int i = 0; i < missing.size(); i += 5) {
      group.next().layer(missing.getInt(i)).state(missing.getInt(i + 1));
      group.position(missing.getInt(i + 2));
      group.first(missing.getInt(i + 3)).units(missing.getInt(i + 4));
    }
    return length(request);
  }

  /** Asks what the node holds of a prompt. */
  public int prefixQuery(long queryId, PrefixQuery what) {
    begin(query);
    query.queryId(queryId).tokens(what.tokens());
    query.fromLayer(what.fromLayer()).toLayer(what.toLayer());
    query.adapter(shortened(what.adapter())).putChain(what.chain(), 0, what.chain().length);
    return length(query);
  }

  /** Answers a query. */
  public int prefixHits(long queryId, PrefillService.Standing standing, NodeIdentity self) {
    begin(hits);
    hits.queryId(queryId).queueMs(standing.queueMs()).freeTokens(standing.freeTokens());
    hits.numericsVersion(self.numericsVersion()).fidelity(WireCodes.of(self.fidelity()));
    hits.capabilities(WireCodes.bits(self.capabilities()));
    List<PrefixHits.Held> held = standing.held();
    int entries = Math.min(held.size(), PrefixReader.MOST_HELD);
    int snapshots = 0;
    for (PrefixHits.Held some : held.subList(0, entries)) {
      snapshots += some.positions().snapshots().size();
    }
    // What does not fit is not told, and computed again: of snapshots the first.
    int untold = Math.max(0, entries + snapshots - PrefixReader.MOST_HELD);
    PrefixHitsEncoder.HitsEncoder group = hits.hitsCount(entries + snapshots - untold);
    for (PrefixHits.Held some : held.subList(0, entries)) {
      hit(group, some, (short) 0, some.positions().anywhereTo());
      for (int snapshot : some.positions().snapshots()) {
        if (untold > 0) {
          untold--;
        } else {
          hit(group, some, (short) 1, snapshot);
        }
      }
    }
    return length(hits);
  }

  private static void hit(
      PrefixHitsEncoder.HitsEncoder group, PrefixHits.Held held, short kind, int position) {
    group.next().fromLayer(held.fromLayer()).toLayer(held.toLayer()).kind(kind).position(position);
  }

  /** All that was ordered is there. */
  public int received(long sessionId) {
    begin(received);
    received.sessionId(sessionId);
    return length(received);
  }

  /** Ends a session before its end. */
  public int abort(long sessionId, String reason) {
    begin(abort);
    abort.sessionId(sessionId).reason(shortened(reason));
    return length(abort);
  }

  /**
   * Says that this node is here; an answer has the moment that was told and the one of its receipt.
   */
  public int leaseRenewal(long sentNs, long echoNs, long receivedNs) {
    begin(lease);
    lease.sentNs(sentNs).echoNs(echoNs).receivedNs(receivedNs);
    return length(lease);
  }

  /** Asks for a new connection. */
  public int greetAgain(String reason) {
    begin(greetAgain);
    greetAgain.reason(shortened(reason));
    return length(greetAgain);
  }

  /** Ends the link. */
  public int goodbye(String reason) {
    begin(goodbye);
    goodbye.reason(shortened(reason));
    return length(goodbye);
  }

  private void begin(MessageEncoderFlyweight message) {
    header
        .wrap(buffer, 0)
        .blockLength(message.sbeBlockLength())
        .templateId(message.sbeTemplateId())
        .schemaId(message.sbeSchemaId())
        .version(message.sbeSchemaVersion());
    message.wrap(buffer, MessageHeaderEncoder.ENCODED_LENGTH);
  }

  private static int length(MessageEncoderFlyweight message) {
    return MessageHeaderEncoder.ENCODED_LENGTH + message.encodedLength();
  }

  private static void shape(NodeShapeEncoder shape, NodeIdentity identity) {
    shape
        .layers(identity.states().layerCount())
        .contextTokens(identity.contextTokens())
        .numericsVersion(identity.numericsVersion())
        .fidelity(WireCodes.of(identity.fidelity()))
        .chunkTokens(identity.limits().chunkTokens())
        .roomTokens(identity.limits().roomTokens())
        .orders(identity.limits().orders())
        .capabilities(WireCodes.bits(identity.capabilities()));
    byte[] hash = identity.states().hash();
    for (int i = 0; i < hash.length; i++) {
      shape.states(i, (short) (hash[i] & 0xFF));
    }
  }

  private void zero(int offset, int length) {
    buffer.setMemory(offset, length, (byte) 0);
  }

  private static String shortened(String text) {
    return text.length() <= MAX_TEXT_CHARS ? text : text.substring(0, MAX_TEXT_CHARS);
  }
}
