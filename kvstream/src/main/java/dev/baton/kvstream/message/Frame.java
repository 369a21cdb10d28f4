package dev.baton.kvstream.message;

import dev.baton.kvstream.codec.MessageHeaderDecoder;
import org.agrona.DirectBuffer;

/**
 * The header of one received message and where its parts lie; every bound is checked here before
 * anything is read.
 */
public final class Frame {
  private static final int TEXT_LENGTH_BYTES = 2;
  private static final int GROUP_HEADER_BYTES = 4;
  private static final int MAX_TEXT_CHARS = 300;

  private final MessageHeaderDecoder header = new MessageHeaderDecoder();
  private int bodyOffset;
  private int end;
  private int blockLength;

  /**
   * Reads the header of the message at [offset, offset + length) of the buffer.
   *
   * @throws MalformedMessage when it is none of ours
   */
  public Frame wrap(DirectBuffer buffer, int offset, int length) {
    if (length < MessageHeaderDecoder.ENCODED_LENGTH) {
      throw new MalformedMessage("a message of " + length + " bytes");
    }
    header.wrap(buffer, offset);
    if (header.schemaId() != MessageHeaderDecoder.SCHEMA_ID) {
      throw new MalformedMessage("schema " + header.schemaId() + " where Baton's was due");
    }
    bodyOffset = offset + MessageHeaderDecoder.ENCODED_LENGTH;
    end = offset + length;
    blockLength = header.blockLength();
    if (blockLength > end - bodyOffset) {
      throw new MalformedMessage("message " + header.templateId() + " is cut off");
    }
    return this;
  }

  /** Where the message begins, header included. */
  public int messageOffset() {
    return bodyOffset - MessageHeaderDecoder.ENCODED_LENGTH;
  }

  /** Of the whole message. */
  public int messageLength() {
    return end - messageOffset();
  }

  /** Which message it is. */
  public int templateId() {
    return header.templateId();
  }

  /** The protocol that its sender speaks. */
  public int version() {
    return header.version();
  }

  /** Of the fixed block. */
  public int blockLength() {
    return blockLength;
  }

  /** Where the fixed block begins. */
  public int bodyOffset() {
    return bodyOffset;
  }

  /** Where the part after the fixed block begins. */
  public int restOffset() {
    return bodyOffset + blockLength;
  }

  /** Of the part after the fixed block. */
  public int restLength() {
    return end - restOffset();
  }

  /** Refuses any other protocol version and any other fixed block than ours. */
  public void requireBlock(int expectedLength) {
    if (version() != MessageHeaderDecoder.SCHEMA_VERSION || blockLength != expectedLength) {
      throw new MalformedMessage(
          "message "
              + templateId()
              + " of version "
              + version()
              + " with a block of "
              + blockLength
              + " bytes");
    }
  }

  /**
   * Refuses a message of another version that lacks what every version has: a block as long as
   * ours, then a text.
   */
  public void requireLeadingText(DirectBuffer buffer, int leastBlockLength) {
    int at = restOffset();
    if (blockLength < leastBlockLength
        || end - at < TEXT_LENGTH_BYTES
        || end - at - TEXT_LENGTH_BYTES < uint16(buffer, at)) {
      throw new MalformedMessage(
          "message " + templateId() + " of version " + version() + " is cut off");
    }
  }

  private static int uint16(DirectBuffer buffer, int at) {
    return Short.toUnsignedInt(buffer.getShort(at, MessageHeaderDecoder.BYTE_ORDER));
  }

  /** Refuses a message whose rest is not exactly one group of entries of our length. */
  public void requireGroup(DirectBuffer buffer, int entryLength) {
    requireEnd(afterGroup(buffer, restOffset(), entryLength));
  }

  /** Refuses a message whose rest is not exactly {@code count} texts. */
  public void requireTexts(DirectBuffer buffer, int count) {
    int at = restOffset();
    for (int i = 0; i < count; i++) {
      at = afterText(buffer, at);
    }
    requireEnd(at);
  }

  /** Where what follows a group of entries of our length begins. */
  int afterGroup(DirectBuffer buffer, int at, int entryLength) {
    if (end - at < GROUP_HEADER_BYTES || uint16(buffer, at) != entryLength) {
      throw new MalformedMessage("message " + templateId() + " with a group that does not fit");
    }
    int entries = uint16(buffer, at + TEXT_LENGTH_BYTES);
    return within(at + GROUP_HEADER_BYTES, (long) entryLength * entries);
  }

  /** Where what follows a text begins. */
  int afterText(DirectBuffer buffer, int at) {
    if (end - at < TEXT_LENGTH_BYTES) {
      throw cutOff();
    }
    return within(at + TEXT_LENGTH_BYTES, uint16(buffer, at));
  }

  /** Where what follows bytes with their number before them begins. */
  int afterBytes(DirectBuffer buffer, int at) {
    if (end - at < Integer.BYTES) {
      throw cutOff();
    }
    long length = Integer.toUnsignedLong(buffer.getInt(at, MessageHeaderDecoder.BYTE_ORDER));
    return within(at + Integer.BYTES, length);
  }

  private int within(int at, long length) {
    if (length > end - at) {
      throw cutOff();
    }
    return at + (int) length;
  }

  private MalformedMessage cutOff() {
    return new MalformedMessage("message " + templateId() + " is cut off");
  }

  /** Refuses a message that is longer than what was read of it. */
  void requireEnd(int at) {
    if (at != end) {
      throw new MalformedMessage("message " + templateId() + " is too long");
    }
  }

  /** A peer's text as one line of bounded length. */
  public static String printable(String text) {
    String line = text.replaceAll("\\p{Cntrl}", " ");
    return line.length() <= MAX_TEXT_CHARS ? line : line.substring(0, MAX_TEXT_CHARS);
  }
}
