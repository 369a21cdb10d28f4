package dev.baton.kvstream;

import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** A prefill node's half of one handshake with a cluster key; {@link KeyInitiator} is the other. */
final class KeyResponder {
  private final ClusterKey key;
  private final byte[] random;
  private final byte[] decodeRandom;
  private final DirectBuffer hello;

  /**
   * Keeps a copy of the Hello.
   *
   * @param random this node's own bytes, fresh ones
   * @param decodeRandom those in the Hello
   */
  KeyResponder(
      ClusterKey key, byte[] random, byte[] decodeRandom, Frame frame, DirectBuffer buffer) {
    this.key = key;
    this.random = random;
    this.decodeRandom = decodeRandom;
    byte[] copy = new byte[frame.messageLength()];
    buffer.getBytes(frame.messageOffset(), copy);
    this.hello = new UnsafeBuffer(copy);
  }

  /**
   * Puts the random bytes and the proof into the HelloReply of {@code length} bytes that was just
   * written.
   */
  LinkSecrets answer(ControlWriter writer, int length) {
    writer.putReplyRandom(random);
    DirectBuffer reply = new UnsafeBuffer(writer.buffer(), 0, length);
    byte[] transcript = LinkSecrets.transcript(hello, reply, KeyInitiator.PROOF_OFFSET);
    LinkSecrets secrets = LinkSecrets.derive(key, decodeRandom, random, transcript);
    writer.putReplyProof(secrets.prefillProof());
    return secrets;
  }
}
