package dev.baton.kvstream.link;

import dev.baton.kvstream.media.Endpoint;
import io.aeron.Image;
import io.aeron.ImageFragmentAssembler;
import java.util.List;

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
  private final long sinceNs;
  private boolean rejected;
  private boolean vouched;

  InboundStream(Image image, Inbound inbound, long nowNs) {
    this.image = image;
    this.inbound = inbound;
    this.sinceNs = nowNs;
    this.assembler = new ImageFragmentAssembler(inbound, FIRST_ASSEMBLY_BYTES, true);
  }

  /** Hears no more of this stream when it is the link's. */
  void forget(Link link) {
    if (isOf(link)) {
      inbound.forget();
    }
  }

  private boolean isOf(Link link) {
    return inbound.link() == link
        || (inbound.link() == null
            && link instanceof DecodeSideLink prefill
            && prefill.isKvStream(inbound.streamSession()));
  }

  /**
   * Hears no more of a stream that is no link's for so long: its first words were lost, or were
   * none.
   */
  void forgetStranger(List<Link> links, long nowNs, long limitNs) {
    if (inbound.isIgnored() || inbound.link() != null || nowNs - sinceNs < limitNs) {
      return;
    }
    for (int i = 0; i < links.size(); i++) {
      if (isOf(links.get(i))) {
        return;
      }
    }
    inbound.forget();
  }

  /** Where the stream comes from. */
  Endpoint source() {
    return Endpoint.parseSource(image.sourceIdentity());
  }

  /** True once when its sender has proved itself; the media is to know it then. */
  boolean isNewlyProven() {
    Link link = inbound.link();
    if (vouched || link == null || !link.isProven()) {
      return false;
    }
    vouched = true;
    return true;
  }

  int streamSession() {
    return inbound.streamSession();
  }

  boolean carries(Inbound other) {
    return inbound == other;
  }

  boolean isOf(Image other) {
    return image == other;
  }

  /**
   * Takes what has arrived. A stream that is not heard any more is rejected: what was lost of it
   * would take the way of what comes in its place.
   */
  int poll() {
    if (inbound.isIgnored()) {
      if (!rejected) {
        rejected = true;
        image.reject("not heard any more");
        skipAll();
      }
      return 0;
    }
    int fragments = image.poll(assembler, FRAGMENT_LIMIT);
    if (assembler.bufferBuilder().limit() > MAX_MESSAGE_BYTES) {
      assembler.bufferBuilder().reset();
      inbound.rejectMessage("a message without an end");
    }
    return fragments;
  }

  /** Unread, its memory would be kept for ever; a spoiled frame cannot even be read over. */
  private void skipAll() {
    for (int i = 0; i < 2 && !image.isClosed(); i++) { // what has come ends in the next term
      long term = image.termBufferLength();
      image.position((image.position() / term + 1) * term);
    }
  }
}
