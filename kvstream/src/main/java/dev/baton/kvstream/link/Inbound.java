package dev.baton.kvstream.link;

import dev.baton.kvstream.message.ForgedMessage;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;

/**
 * Takes the messages of one stream that another node sends to this one. Whatever arrives, nothing
 * is thrown into the stream's agent: the link it came over ends with the reason, and the stream is
 * not heard any more. Stream thread only.
 */
final class Inbound implements FragmentHandler {
  /** What to do with the messages of one stream. */
  interface Receiver {
    /** Takes a message; may bind the stream to a link. */
    void onMessage(Inbound from, Frame frame, DirectBuffer buffer, long nowNs);
  }

  private final int streamSession;
  private final Receiver receiver;
  private final NanoClock clock;
  private final Frame frame = new Frame();
  private @Nullable Link link;
  private boolean ignored;

  Inbound(int streamSession, Receiver receiver, NanoClock clock) {
    this.streamSession = streamSession;
    this.receiver = receiver;
    this.clock = clock;
  }

  /** The stream's number at its sender. */
  int streamSession() {
    return streamSession;
  }

  /** The link whose messages come this way, or null while the sender has not said who it is. */
  @Nullable Link link() {
    return link;
  }

  void bind(Link to) {
    link = to;
  }

  /** True when nothing from this stream is taken any more. */
  boolean isIgnored() {
    return ignored;
  }

  /** Hears no more of this stream; its link goes on over another one. */
  void forget() {
    ignored = true;
    link = null;
  }

  @Override
  public void onFragment(DirectBuffer buffer, int offset, int length, Header header) {
    onMessage(buffer, offset, length);
  }

  void onMessage(DirectBuffer buffer, int offset, int length) {
    if (ignored) {
      return;
    }
    try {
      receiver.onMessage(this, wrapped(buffer, offset, length), buffer, clock.nanoTime());
    } catch (ForgedMessage e) {
      rejectMessage(e.getMessage());
    } catch (Throwable e) {
      // Whatever it is: nobody else would hear of it, and the link's sessions would wait for ever.
      reject("sent what cannot be understood: " + (e.getMessage() == null ? e : e.getMessage()));
    }
  }

  private Frame wrapped(DirectBuffer buffer, int offset, int length) {
    try {
      return frame.wrap(buffer, offset, length);
    } catch (MalformedMessage e) {
      throw new ForgedMessage(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Takes no message from what has arrived. Where the peer seals what it says, the link goes on:
   * anybody could have put it there.
   */
  void rejectMessage(@Nullable String why) {
    Link owner = link;
    if (owner != null && owner.isSealed()) {
      owner.spoiled(streamSession);
    } else {
      reject("sent what cannot be understood: " + why);
    }
  }

  /** Hears no more of this stream and ends its link. */
  void reject(String what) {
    ignored = true;
    if (link != null) {
      link.end(link.label() + " " + what);
    }
  }
}
