package dev.baton.kvstream.media;

import org.agrona.DirectBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One direction of control messages to one peer, in order and without loss while it lives. Stream
 * thread only.
 */
public interface ControlChannel {
  /** Sends the first {@code length} bytes, or returns false when that is not possible now. */
  boolean offer(DirectBuffer message, int length);

  /** Why nothing will ever be sent here any more, or null. */
  @Nullable String failure();

  /** True when what was offered has left this machine's send buffer. */
  boolean isDrained();

  void close();
}
