package dev.baton.kvstream;

import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/** A decode node's half of one handshake with a cluster key; {@link KeyResponder} is the other. */
final class KeyInitiator {
  static final int PROOF_OFFSET =
      MessageHeaderDecoder.ENCODED_LENGTH + HelloReplyDecoder.proofEncodingOffset();

  private final ClusterKey key;
  private final byte[] random;
  private final DirectBuffer hello;

  /**
   * Puts the random bytes, fresh ones, into the Hello of {@code length} bytes that was just
   * written.
   */
  KeyInitiator(ClusterKey key, byte[] random, ControlWriter writer, int length) {
    this.key = key;
    this.random = random;
    writer.putHelloRandom(random);
    byte[] copy = new byte[length];
    writer.buffer().getBytes(0, copy);
    this.hello = new UnsafeBuffer(copy);
  }

  /** What both nodes know now, or null when the reply does not prove the same key. */
  @Nullable LinkSecrets accept(Handshake.Reply reply, Frame frame, DirectBuffer buffer) {
    DirectBuffer message = new UnsafeBuffer(buffer, frame.messageOffset(), frame.messageLength());
    byte[] transcript = LinkSecrets.transcript(hello, message, PROOF_OFFSET);
    LinkSecrets secrets = LinkSecrets.derive(key, random, reply.random(), transcript);
    return secrets.isPrefillProof(reply.proof()) ? secrets : null;
  }
}
