package dev.baton.kvstream.link;

import dev.baton.kvstream.media.ControlChannel;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.seal.MessageSealer;
import dev.baton.kvstream.seal.SealedMessage;
import java.util.ArrayDeque;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What one link has to say on its control stream, sealed once there is a key for that: sent now, or
 * kept in order until the stream takes it. Stream thread only.
 */
final class LinkControl {
  /** A peer that lets more than this wait does not read any more. */
  private static final int MAX_WAITING = 4096;

  private final ControlChannel channel;
  private final ControlWriter writer;
  private final ArrayDeque<byte[]> waiting = new ArrayDeque<>();
  private final UnsafeBuffer view = new UnsafeBuffer(0, 0);
  private @Nullable MessageSealer sealer;

  LinkControl(ControlChannel channel, ControlWriter writer) {
    this.channel = channel;
    this.writer = writer;
  }

  ControlWriter writer() {
    return writer;
  }

  /** From now on everything is sealed. */
  void seal(MessageSealer with) {
    sealer = with;
  }

  /**
   * Sends the message of {@code length} bytes that the writer has just written, soon if not now.
   */
  void send(int length) {
    int sent = sealed(length);
    if (waiting.isEmpty() && channel.offer(writer.buffer(), sent)) {
      return;
    }
    byte[] copy = new byte[sent];
    writer.buffer().getBytes(0, copy);
    waiting.add(copy);
  }

  /**
   * Sends the message that the writer has just written if nothing waits to be sent before it; a
   * message that was sealed waits rather than not being sent. Allocates nothing but for sealing.
   */
  boolean trySend(int length) {
    if (!waiting.isEmpty()) {
      return false;
    }
    if (sealer == null) {
      return channel.offer(writer.buffer(), length);
    }
    send(length);
    return true;
  }

  private int sealed(int length) {
    if (sealer == null) {
      return length;
    }
    MutableDirectBuffer message = writer.buffer();
    message.checkLimit(length + SealedMessage.OVERHEAD_BYTES);
    return sealer.seal(message, 0, length, message, 0);
  }

  /** Sends what waits, as far as possible. */
  int flush() {
    int sent = 0;
    byte @Nullable [] next = waiting.peek();
    while (next != null) {
      view.wrap(next);
      if (!channel.offer(view, next.length)) {
        break;
      }
      waiting.remove();
      sent++;
      next = waiting.peek();
    }
    return sent;
  }

  boolean isFlushed() {
    return waiting.isEmpty();
  }

  boolean isDrained() {
    return channel.isDrained();
  }

  /** Why nothing can be said any more, or null. */
  @Nullable String failure() {
    return waiting.size() > MAX_WAITING ? "it does not read any more" : channel.failure();
  }

  void close() {
    channel.close();
  }
}
