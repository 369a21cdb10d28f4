package dev.baton.kvstream.media;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The last datagram that a publication sent, and how far its receiver has come. Sender's thread
 * only.
 *
 * <p>Why it is kept: padding at a term's end can carry the sender past what the receiver takes.
 * When the datagrams before it are lost, Aeron's heartbeats from there are no news to the receiver:
 * it never learns that something is missing, and gives the stream up. Its last datagram, sent
 * again, tells it.
 */
final class SentTail {
  private final int sessionId;
  private final int streamId;
  private @Nullable ByteBuffer term;
  private int offset;
  private int length;
  private int termId;
  private boolean isAnswered;
  private int consumedTermId;
  private int consumedOffset;
  private int window;

  SentTail(int sessionId, int streamId) {
    this.sessionId = sessionId;
    this.streamId = streamId;
  }

  boolean isOf(int session, int stream) {
    return sessionId == session && streamId == stream;
  }

  /** A datagram was sent; one that was sent before does not count. */
  void sent(ByteBuffer from, int at, int bytes, int sentTermId) {
    int newer = sentTermId - termId;
    if (term == null || newer > 0 || (newer == 0 && at > offset)) {
      term = from;
      offset = at;
      length = bytes;
      termId = sentTermId;
    }
  }

  /** The receiver has taken everything up to here, and takes so many bytes more. */
  void consumed(int upToTermId, int upToOffset, int windowBytes) {
    isAnswered = true;
    window = windowBytes;
    consumedTermId = upToTermId;
    consumedOffset = upToOffset;
  }

  /**
   * The datagram to be sent again when nothing new was sent up to a position for long; null when
   * there is none, or when the position is one that the receiver takes a heartbeat from.
   */
  @Nullable ByteBuffer missing(int sentTermId, int sentOffset) {
    ByteBuffer from = term;
    if (from == null || !isAnswered) {
      return null;
    }
    long ahead =
        (long) (sentTermId - consumedTermId) * from.capacity() + sentOffset - consumedOffset;
    return ahead > window ? from.limit(offset + length).position(offset) : null;
  }
}
