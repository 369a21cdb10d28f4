package dev.baton.kvstream.seal;

import dev.baton.kvstream.message.Frame;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The message inside the newest sealed one of a stream, outside the Java heap. Stream thread only.
 */
public final class OpenedMessage {
  private static final int FIRST_BYTES = 4096;

  private final MessageOpener opener;
  private final Frame frame = new Frame();
  private long knownMissed;
  private UnsafeBuffer text = offHeap(FIRST_BYTES);

  public OpenedMessage(MessageOpener opener) {
    this.opener = opener;
  }

  /**
   * Opens a message and reads the header of the one inside, which lies in {@link #buffer} until the
   * next call.
   *
   * @throws ForgedMessage when it is not the next one that the peer sealed
   */
  public Frame open(Frame sealed, DirectBuffer buffer) {
    int length = sealed.messageLength();
    if (text.capacity() < length) {
      text = offHeap(BitUtil.findNextPositivePowerOfTwo(length));
    }
    return frame.wrap(text, 0, opener.open(buffer, sealed.messageOffset(), length, text, 0));
  }

  /** True once after messages were missed before the one opened last. */
  public boolean takeMissed() {
    long missed = opener.missed();
    boolean isNews = missed != knownMissed;
    knownMissed = missed;
    return isNews;
  }

  /** Where the message that was opened last lies. */
  public DirectBuffer buffer() {
    return text;
  }

  private static UnsafeBuffer offHeap(int capacity) {
    return new UnsafeBuffer(ByteBuffer.allocateDirect(capacity));
  }
}
