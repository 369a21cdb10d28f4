package dev.baton.kvstream;

import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.SealedDecoder;
import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Opens the messages that the peer's {@link MessageSealer} sealed in one direction of a link, each
 * once and in their order: streams lose nothing and change no order, so any other counter than the
 * next is a forgery. One thread at a time. Allocates what the JDK's GCM allocates, about 900 bytes
 * a message.
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
  private long counter;

  MessageOpener(SecretKey key) {
    this.key = key;
  }

  /**
   * Opens the sealed message at [offset, offset + length) of {@code source} into {@code target},
   * which has room for the message inside; nothing is written there before the tag was found right.
   *
   * @return the length of the message inside, {@link SealedMessage#OVERHEAD_BYTES} less
   * @throws MalformedMessage when it is not the next message that the peer sealed; it is still the
   *     next that is expected
   */
  int open(
      DirectBuffer source, int offset, int length, MutableDirectBuffer target, int targetOffset) {
    int textLength = length - SealedMessage.OVERHEAD_BYTES;
    if (textLength < 0) {
      throw new MalformedMessage("a sealed message of " + length + " bytes");
    }
    target.boundsCheck(targetOffset, textLength);
    take(source, offset, length);
    requireNext();
    try {
      cipher.init(Cipher.DECRYPT_MODE, key, SealedMessage.nonce(counter));
      cipher.updateAAD(bytes, 0, SealedMessage.HEADER_BYTES);
      cipher.doFinal(
          bytes, SealedMessage.HEADER_BYTES, length - SealedMessage.HEADER_BYTES, text, 0);
    } catch (AEADBadTagException e) {
      throw new MalformedMessage(
          "a sealed message that was changed on its way or sealed with another key");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JVM cannot decrypt with AES-GCM", e);
    }
    counter++;
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

  private void requireNext() {
    if (header.schemaId() != MessageHeaderDecoder.SCHEMA_ID
        || header.version() != MessageHeaderDecoder.SCHEMA_VERSION
        || header.templateId() != SealedDecoder.TEMPLATE_ID
        || header.blockLength() != SealedDecoder.BLOCK_LENGTH) {
      throw new MalformedMessage(
          "message "
              + header.templateId()
              + " of version "
              + header.version()
              + " where a sealed one was due");
    }
    long sent = sealed.counter();
    if (sent != counter) {
      throw new MalformedMessage(
          "sealed message " + sent + " where " + counter + " was due: it was sent again or forged");
    }
  }
}
