package dev.baton.kvstream;

import io.aeron.Image;
import io.aeron.ImageFragmentAssembler;

/**
 * One Aeron stream from another node, its messages put together from fragments. Stream thread only.
 */
final class InboundStream {
  private static final int FRAGMENT_LIMIT = 32;

  /** Longer than any message a publication of ours can send. */
  private static final int MAX_MESSAGE_BYTES = 4 << 20;

  private static final int FIRST_ASSEMBLY_BYTES = 4096;

  private final Image image;
  private final Inbound inbound;
  private final ImageFragmentAssembler assembler;
  private boolean rejected;

  InboundStream(Image image, Inbound inbound) {
    this.image = image;
    this.inbound = inbound;
    this.assembler = new ImageFragmentAssembler(inbound, FIRST_ASSEMBLY_BYTES, true);
  }

  /** Hears no more of this stream when it is the link's. */
  void forget(Link link) {
    if (inbound.link() == link) {
      inbound.forget();
    }
  }

  /** Where the stream comes from. */
  Endpoint source() {
    return Endpoint.parseLiteral(image.sourceIdentity());
  }

  boolean carries(Inbound other) {
    return inbound == other;
  }

  boolean isOf(Image other) {
    return image == other;
  }

  /**
   * Takes what has arrived. A stream that is not heard any more is rejected: unread it would stay
   * for ever, and what was lost of it would take the way of what comes in its place.
   */
  int poll() {
    if (inbound.isDeaf()) {
      if (!rejected) {
        rejected = true;
        image.reject("not heard any more");
      }
      return 0;
    }
    int fragments = image.poll(assembler, FRAGMENT_LIMIT);
    if (assembler.bufferBuilder().limit() > MAX_MESSAGE_BYTES) {
      assembler.bufferBuilder().reset();
      inbound.reject("sent a message without an end");
    }
    return fragments;
  }
}
