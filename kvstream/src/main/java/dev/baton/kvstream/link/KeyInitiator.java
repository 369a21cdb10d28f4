package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.seal.EphemeralKey;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.kvstream.seal.LinkSecrets.Direction;
import dev.baton.kvstream.seal.OpenedMessage;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A decode node's half of one handshake with a cluster key; {@link KeyResponder} is the other.
 * Stream thread only.
 */
final class KeyInitiator {
  static final int PROOF_OFFSET =
      MessageHeaderDecoder.ENCODED_LENGTH + HelloReplyDecoder.proofEncodingOffset();

  private final ClusterKey key;
  private final EphemeralKey ephemeral;
  private final byte[] told;
  private final DirectBuffer hello;
  private @Nullable OpenedMessage control;
  private @Nullable OpenedMessage kv;

  /**
   * Makes this handshake's own key and puts what the peer is told of it into the Hello of {@code
   * length} bytes that was just written.
   *
   * @param random fresh bytes
   */
  KeyInitiator(ClusterKey key, byte[] random, ControlWriter writer, int length) {
    this.key = key;
    this.ephemeral = new EphemeralKey(random);
    this.told = ephemeral.publicBytes();
    writer.putHelloRandom(told);
    byte[] copy = new byte[length];
    writer.buffer().getBytes(0, copy);
    this.hello = new UnsafeBuffer(copy);
  }

  /**
   * Checks the prefill node's proof, sends this node's, and seals what is said after it.
   *
   * @return false when the reply does not prove the same key; nothing was sent then
   */
  boolean accept(Handshake.Reply reply, Frame frame, DirectBuffer buffer, LinkControl out) {
    DirectBuffer message = new UnsafeBuffer(buffer, frame.messageOffset(), frame.messageLength());
    byte[] transcript = LinkSecrets.transcript(hello, message, PROOF_OFFSET);
    LinkSecrets.Nonces nonces = new LinkSecrets.Nonces(told, reply.random());
    byte[] agreed;
    try {
      agreed = ephemeral.agreed(reply.random());
    } catch (MalformedMessage e) {
      return false;
    }
    LinkSecrets secrets = LinkSecrets.derive(key, agreed, nonces, transcript);
    if (!secrets.isPrefillProof(reply.proof())) {
      return false;
    }
    out.send(out.writer().proof(secrets.decodeProof()));
    out.seal(secrets.sealer(Direction.CONTROL_FROM_DECODE));
    control = new OpenedMessage(secrets.opener(Direction.CONTROL_FROM_PREFILL));
    kv = new OpenedMessage(secrets.opener(Direction.KV_FROM_PREFILL));
    return true;
  }

  /** Opens the peer's control messages; null before its proof. */
  @Nullable OpenedMessage control() {
    return control;
  }

  /** Opens the peer's KV messages; null before its proof. */
  @Nullable OpenedMessage kv() {
    return kv;
  }
}
