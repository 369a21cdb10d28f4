package dev.baton.kvstream;

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
import dev.baton.kvstream.codec.ProofEncoder;
import dev.baton.kvstream.codec.ReceivedEncoder;
import dev.baton.kvstream.codec.SliceRequestEncoder;
import java.nio.ByteOrder;
import org.agrona.ExpandableArrayBuffer;
import org.agrona.collections.IntArrayList;
import org.agrona.sbe.MessageEncoderFlyweight;

/**
 * Writes control messages, one at a time, into one buffer; every method returns the message's
 * length. One thread.
 */
final class ControlWriter {
  private static final int MAX_TEXT_CHARS = 255;

  /** What a prefill node that takes a caller promises it. */
  record Acceptance(long leaseNs, long linkId, int kvStreamSession) {}

  private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer(4096);
  private final MessageHeaderEncoder header = new MessageHeaderEncoder();
  private final HelloEncoder hello = new HelloEncoder();
  private final HelloReplyEncoder helloReply = new HelloReplyEncoder();
  private final ProofEncoder proof = new ProofEncoder();
  private final PrefillOrderEncoder order = new PrefillOrderEncoder();
  private final OrderRefusedEncoder refused = new OrderRefusedEncoder();
  private final CreditEncoder credit = new CreditEncoder();
  private final SliceRequestEncoder request = new SliceRequestEncoder();
  private final ReceivedEncoder received = new ReceivedEncoder();
  private final AbortEncoder abort = new AbortEncoder();
  private final LeaseRenewalEncoder lease = new LeaseRenewalEncoder();
  private final GreetAgainEncoder greetAgain = new GreetAgainEncoder();
  private final GoodbyeEncoder goodbye = new GoodbyeEncoder();

  /** Holds the last message written, from offset 0. */
  ExpandableArrayBuffer buffer() {
    return buffer;
  }

  /**
   * @param resumes the acquaintance to go on with, or 0
   */
  int hello(
      long nonce, long nowNs, long leaseNs, long resumes, NodeIdentity identity, String replyTo) {
    return hello(nonce, nowNs, leaseNs, resumes, identity, replyTo, new byte[0]);
  }

  /**
   * @param parts {@link ModelParts} where a reply asked for them
   */
  int hello(
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

  int helloReply(Handshake.Caller caller, Acceptance acceptance, NodeIdentity identity) {
    return helloReply(caller, acceptance, identity, HelloOutcome.ACCEPTED, "");
  }

  int helloReply(Handshake.Caller caller, Handshake.Refusal refusal, NodeIdentity identity) {
    return helloReply(
        caller, new Acceptance(0, 0, 0), identity, refusal.outcome(), refusal.reason());
  }

  private int helloReply(
      Handshake.Caller caller,
      Acceptance acceptance,
      NodeIdentity identity,
      HelloOutcome outcome,
      String reason) {
    begin(helloReply);
    helloReply.nonce(caller.nonce()).leaseNs(acceptance.leaseNs()).linkId(acceptance.linkId());
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
  void putHelloRandom(byte[] random) {
    hello.putRandom(random, 0, random.length);
  }

  /** Puts the random bytes into the HelloReply just written. */
  void putReplyRandom(byte[] random) {
    helloReply.putRandom(random, 0, random.length);
  }

  /** Puts the proof into the HelloReply just written. */
  void putReplyProof(byte[] bytes) {
    helloReply.putProof(bytes, 0, bytes.length);
  }

  int proof(byte[] bytes) {
    begin(proof);
    proof.putProof(bytes, 0, bytes.length);
    return length(proof);
  }

  int order(PrefillOrder what, long creditBytes) {
    begin(order);
    order.sessionId(what.sessionId()).creditBytes(creditBytes);
    order
        .firstToken(what.firstToken())
        .boundaryLayer(what.boundaryLayer())
        .chunkTokens(what.chunks().largestTokens())
        .lastChunkTokens(what.chunks().smallestTokens());
    order.wireType(WireCodes.of(what.wireType())).digest(what.digest());
    int[] tokens = what.tokens();
    int at = order.limit();
    buffer.putInt(at, tokens.length * Integer.BYTES, ByteOrder.LITTLE_ENDIAN);
    at += Integer.BYTES;
    buffer.checkLimit(at + tokens.length * Integer.BYTES);
    for (int token : tokens) {
      buffer.putInt(at, token, ByteOrder.LITTLE_ENDIAN);
      at += Integer.BYTES;
    }
    return at;
  }

  int orderRefused(long sessionId, String reason) {
    begin(refused);
    refused.sessionId(sessionId).reason(shortened(reason));
    return length(refused);
  }

  int credit(long sessionId, long limitBytes) {
    begin(credit);
    credit.sessionId(sessionId).limitBytes(limitBytes);
    return length(credit);
  }

  /**
   * @param missing layer, first token and tokens of each range that is not there
   */
  int sliceRequest(long sessionId, long receivedBytes, long creditBytes, IntArrayList missing) {
    begin(request);
    request.sessionId(sessionId).receivedBytes(receivedBytes).creditBytes(creditBytes);
    SliceRequestEncoder.MissingEncoder group = request.missingCount(missing.size() / 3);
    for (int i = 0; i < missing.size(); i += 3) {
      group.next().layer(missing.getInt(i));
      group.firstToken(missing.getInt(i + 1)).tokens(missing.getInt(i + 2));
    }
    return length(request);
  }

  int received(long sessionId) {
    begin(received);
    received.sessionId(sessionId);
    return length(received);
  }

  int abort(long sessionId, String reason) {
    begin(abort);
    abort.sessionId(sessionId).reason(shortened(reason));
    return length(abort);
  }

  int leaseRenewal(long sentNs, long echoNs, long receivedNs) {
    begin(lease);
    lease.sentNs(sentNs).echoNs(echoNs).receivedNs(receivedNs);
    return length(lease);
  }

  int greetAgain(String reason) {
    begin(greetAgain);
    greetAgain.reason(shortened(reason));
    return length(greetAgain);
  }

  int goodbye(String reason) {
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
        .layers(identity.geometry().layers())
        .kvHeads(identity.geometry().kvHeads())
        .headDim(identity.geometry().headDim())
        .hiddenDim(identity.hiddenDim())
        .contextTokens(identity.contextTokens())
        .numericsVersion(identity.numericsVersion())
        .fidelity(WireCodes.of(identity.fidelity()))
        .chunkTokens(identity.limits().chunkTokens())
        .roomTokens(identity.limits().roomTokens())
        .orders(identity.limits().orders())
        .capabilities(Capability.bits(identity.capabilities()));
  }

  private void zero(int offset, int length) {
    buffer.setMemory(offset, length, (byte) 0);
  }

  private static String shortened(String text) {
    return text.length() <= MAX_TEXT_CHARS ? text : text.substring(0, MAX_TEXT_CHARS);
  }
}
