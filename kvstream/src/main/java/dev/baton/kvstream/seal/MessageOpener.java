package dev.baton.kvstream.seal;

import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.SealedDecoder;
import dev.baton.kvstream.message.ForgedMessage;
import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Opens the messages that the peer's {@link MessageSealer} sealed in one direction of a link, each
 * once and in their order. Streams lose nothing and change no order, but a datagram may be spoiled,
 * or another one put in its place: where rows are asked for again ({@code mayMiss}), the messages
 * after such a one are opened all the same, and those missed are counted; elsewhere any other
 * counter than the next is refused. One thread at a time. Allocates what the JDK's GCM allocates,
 * about 900 bytes a message.
 *
 * <p>Goes through arrays on the heap for the reason that {@link MessageSealer} has.
 */
final class MessageOpener {
  private final SecretKey key;
  private final Cipher cipher = SealedMessage.cipher();
  private final MessageHeaderDecoder header = new MessageHeaderDecoder();
  private final SealedDecoder sealed = new SealedDecoder();
  private byte[] bytes = new byte[0];
  private byte[] text = new byte[0];
  private final boolean mayMiss;
  private long counter;
  private long missed;

  MessageOpener(SecretKey key) {
    this(key, false);
  }

  /**
   * @param mayMiss takes any message after the last one, not only the next
   */
  MessageOpener(SecretKey key, boolean mayMiss) {
    this.key = key;
    this.mayMiss = mayMiss;
  }

  /**
   * Messages that the peer has sealed before the last one opened here, and that were not opened.
   */
  long missed() {
    return missed;
  }

  /**
   * Opens the sealed message at [offset, offset + length) of {@code source} into {@code target},
   * which has room for the message inside; nothing is written there before the tag was found right.
   *
   * @return the length of the message inside, {@link SealedMessage#OVERHEAD_BYTES} less
   * @throws ForgedMessage when it is not the next message that the peer sealed; it is still the
   *     next that is expected
   */
  int open(
      DirectBuffer source, int offset, int length, MutableDirectBuffer target, int targetOffset) {
    int textLength = length - SealedMessage.OVERHEAD_BYTES;
    if (textLength < 0) {
      throw new ForgedMessage("a sealed message of " + length + " bytes");
    }
    target.boundsCheck(targetOffset, textLength);
    take(source, offset, length);
    long sent = requireNext();
    try {
      cipher.init(Cipher.DECRYPT_MODE, key, SealedMessage.nonce(sent));
      cipher.updateAAD(bytes, 0, SealedMessage.HEADER_BYTES);
      cipher.doFinal(
          bytes, SealedMessage.HEADER_BYTES, length - SealedMessage.HEADER_BYTES, text, 0);
    } catch (AEADBadTagException e) {
      throw new ForgedMessage(
          "a sealed message that was changed on its way or sealed with another key");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JVM cannot decrypt with AES-GCM", e);
    }
    missed += sent - counter;
    counter = sent + 1;
    target.putBytes(targetOffset, text, 0, textLength);
    return textLength;
  }

  /** Copies the message, so that nothing changes between what is checked and what is used. */
  private void take(DirectBuffer source, int offset, int length) {
    if (bytes.length < length) {
      bytes = new byte[length];
      text = new byte[length];
      UnsafeBuffer message = new UnsafeBuffer(bytes);
      header.wrap(message, 0);
      sealed.wrap(
          message,
          MessageHeaderDecoder.ENCODED_LENGTH,
          SealedDecoder.BLOCK_LENGTH,
          SealedDecoder.SCHEMA_VERSION);
    }
    source.getBytes(offset, bytes, 0, length);
  }

  private long requireNext() {
    if (header.schemaId() != MessageHeaderDecoder.SCHEMA_ID
        || header.version() != MessageHeaderDecoder.SCHEMA_VERSION
        || header.templateId() != SealedDecoder.TEMPLATE_ID
        || header.blockLength() != SealedDecoder.BLOCK_LENGTH) {
      throw new ForgedMessage(
          "message "
              + header.templateId()
              + " of version "
              + header.version()
              + " where a sealed one was due");
    }
    long sent = sealed.counter();
    if (mayMiss ? sent < counter : sent != counter) {
      throw new ForgedMessage(
          "sealed message " + sent + " where " + counter + " was due: it was sent again or forged");
    }
    return sent;
  }
}
