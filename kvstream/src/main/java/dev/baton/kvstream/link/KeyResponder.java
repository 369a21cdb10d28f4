package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.codec.ProofDecoder;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.seal.EphemeralKey;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.kvstream.seal.LinkSecrets.Direction;
import dev.baton.kvstream.seal.OpenedMessage;
import dev.baton.kvstream.session.KvStream;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A prefill node's half of one handshake with a cluster key; {@link KeyInitiator} is the other.
 * Stream thread only.
 */
final class KeyResponder {
  private final ClusterKey key;
  private final EphemeralKey ephemeral;
  private final byte[] decodeRandom;
  private final DirectBuffer hello;
  private final Runnable proved;
  private final ProofDecoder proof = new ProofDecoder();
  private @Nullable LinkSecrets secrets;
  private @Nullable OpenedMessage control;

  /**
   * Keeps a copy of the Hello in the frame.
   *
   * @param random this node's own bytes, fresh ones: this handshake's own key
   * @param decodeRandom what the Hello tells of the decode node's
   * @param proved run when the decode node has proved the key
   */
  KeyResponder(
      ClusterKey key,
      byte[] random,
      byte[] decodeRandom,
      Frame frame,
      DirectBuffer buffer,
      Runnable proved) {
    this.key = key;
    this.ephemeral = new EphemeralKey(random);
    this.decodeRandom = decodeRandom;
    this.proved = proved;
    byte[] copy = new byte[frame.messageLength()];
    buffer.getBytes(frame.messageOffset(), copy);
    this.hello = new UnsafeBuffer(copy);
  }

  /**
   * Puts what the peer is told of this node's key, and the proof, into the HelloReply of {@code
   * length} bytes that was just written, sends it, and seals what is said after it.
   */
  void answer(LinkControl out, int length) {
    ControlWriter writer = out.writer();
    byte[] told = ephemeral.publicBytes();
    writer.putReplyRandom(told);
    DirectBuffer reply = new UnsafeBuffer(writer.buffer(), 0, length);
    byte[] transcript = LinkSecrets.transcript(hello, reply, KeyInitiator.PROOF_OFFSET);
    LinkSecrets.Nonces nonces = new LinkSecrets.Nonces(decodeRandom, told);
    byte[] agreed = ephemeral.agreed(decodeRandom);
    LinkSecrets shared = LinkSecrets.derive(key, agreed, nonces, transcript);
    writer.putReplyProof(shared.prefillProof());
    out.send(length);
    out.seal(shared.sealer(Direction.CONTROL_FROM_PREFILL));
    secrets = shared;
  }

  /**
   * Checks the decode node's proof and seals the KV from now on.
   *
   * @return false when it does not prove the same key
   * @throws MalformedMessage when the message is no proof, or none is due
   */
  boolean accept(Frame frame, DirectBuffer buffer, KvStream kv) {
    LinkSecrets shared = secrets;
    if (shared == null || frame.templateId() != ProofDecoder.TEMPLATE_ID) {
      throw new MalformedMessage("message " + frame.templateId() + " where a proof was due");
    }
    frame.requireBlock(ProofDecoder.BLOCK_LENGTH);
    frame.requireTexts(buffer, 0);
    proof.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    byte[] bytes = new byte[LinkSecrets.PROOF_BYTES];
    proof.getProof(bytes, 0, bytes.length);
    if (!shared.isDecodeProof(bytes)) {
      return false;
    }
    control = new OpenedMessage(shared.opener(Direction.CONTROL_FROM_DECODE));
    kv.seal(shared.sealer(Direction.KV_FROM_PREFILL));
    proved.run();
    return true;
  }

  /** Opens the peer's control messages; null before its proof. */
  @Nullable OpenedMessage control() {
    return control;
  }
}
