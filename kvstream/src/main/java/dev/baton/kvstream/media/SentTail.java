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

  /** The receiver has taken everything up to here. */
  void consumed(int upToTermId, int upToOffset) {
    isAnswered = true;
    consumedTermId = upToTermId;
    consumedOffset = upToOffset;
  }

  /**
   * The datagram to be sent again when nothing new was sent up to a position for long; null when
   * there is none or the receiver has it.
   */
  @Nullable ByteBuffer missing(int sentTermId, int sentOffset) {
    ByteBuffer from = term;
    boolean arrived = isAnswered && consumedTermId == sentTermId && consumedOffset == sentOffset;
    return from == null || arrived ? null : from.limit(offset + length).position(offset);
  }
}
