package dev.baton.kvstream.seal;

import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.SealedEncoder;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Seals the messages of one direction of a link, as {@link SealedMessage} lays them out. What was
 * sealed must be sent, and in that order: the peer takes no other counter than the next. One thread
 * at a time. Allocates what the JDK's GCM allocates, about 900 bytes a message.
 *
 * <p>The text goes through an array on the heap, since the JDK encrypts off-heap buffers in pieces
 * of 512 bytes, at less than half the speed.
 */
public final class MessageSealer {
  private final SecretKey key;
  private final Cipher cipher = SealedMessage.cipher();
  private final SealedEncoder header = new SealedEncoder();
  private byte[] bytes = new byte[0];
  private long counter;

  MessageSealer(SecretKey key) {
    this.key = key;
    reserve(SealedMessage.OVERHEAD_BYTES);
  }

  /**
   * Seals the message at [offset, offset + length) of {@code source} into {@code target}, which may
   * be the same buffer.
   *
   * @return the sealed message's length, {@link SealedMessage#OVERHEAD_BYTES} more than the
   *     message's
   */
  public int seal(
      DirectBuffer source, int offset, int length, MutableDirectBuffer target, int targetOffset) {
    int sealedLength = Math.addExact(length, SealedMessage.OVERHEAD_BYTES);
    target.boundsCheck(targetOffset, sealedLength);
    reserve(sealedLength);
    source.getBytes(offset, bytes, SealedMessage.HEADER_BYTES, length);
    long next = counter++;
    header.counter(next);
    try {
      cipher.init(Cipher.ENCRYPT_MODE, key, SealedMessage.nonce(next));
      cipher.updateAAD(bytes, 0, SealedMessage.HEADER_BYTES);
      cipher.doFinal(bytes, SealedMessage.HEADER_BYTES, length, bytes, SealedMessage.HEADER_BYTES);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JVM cannot encrypt with AES-GCM", e);
    }
    target.putBytes(targetOffset, bytes, 0, sealedLength);
    return sealedLength;
  }

  private void reserve(int length) {
    if (bytes.length < length) {
      bytes = new byte[length];
      header.wrapAndApplyHeader(new UnsafeBuffer(bytes), 0, new MessageHeaderEncoder());
    }
  }
}
