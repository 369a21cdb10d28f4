package dev.baton.kvstream.link;

import dev.baton.kvstream.codec.AbortDecoder;
import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.OrderRefusedDecoder;
import dev.baton.kvstream.media.ControlChannel;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/** A control channel that keeps what is sent, or takes nothing. */
final class RecordingChannel implements ControlChannel {
  final List<UnsafeBuffer> sent = new ArrayList<>();
  boolean taking = true;
  boolean closed;

  @Override
  public boolean offer(DirectBuffer message, int length) {
    if (taking) {
      UnsafeBuffer copy = new UnsafeBuffer(new byte[length]);
      copy.putBytes(0, message, 0, length);
      sent.add(copy);
    }
    return taking;
  }

  @Override
  public @Nullable String failure() {
    return null;
  }

  @Override
  public boolean isDrained() {
    return true;
  }

  @Override
  public void close() {
    closed = true;
  }

  /** Template ids of what was sent, in order. */
  List<Integer> templates() {
    return sent.stream()
        .map(message -> new MessageHeaderDecoder().wrap(message, 0).templateId())
        .toList();
  }

  /** The text of the last Goodbye, Abort or OrderRefused. */
  String lastReason() {
    UnsafeBuffer message = sent.getLast();
    MessageHeaderDecoder header = new MessageHeaderDecoder();
    return switch (header.wrap(message, 0).templateId()) {
      case GoodbyeDecoder.TEMPLATE_ID ->
          new GoodbyeDecoder().wrapAndApplyHeader(message, 0, header).reason();
      case AbortDecoder.TEMPLATE_ID ->
          new AbortDecoder().wrapAndApplyHeader(message, 0, header).reason();
      case OrderRefusedDecoder.TEMPLATE_ID ->
          new OrderRefusedDecoder().wrapAndApplyHeader(message, 0, header).reason();
      default -> throw new AssertionError("message " + header.templateId() + " has no reason");
    };
  }
}
