package dev.baton.kvstream.link;

import dev.baton.kvstream.media.EmbeddedMedia;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.seal.LinkSecrets;
import java.security.SecureRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The way to a prefill node over this node's media. Stream thread only. */
final class MediaConnector implements PeerConnector {
  private final EmbeddedMedia media;
  private final Endpoint endpoint;
  private final @Nullable Endpoint advertised;
  private final ControlWriter writer;
  private final SecureRandom random;
  private final Consumer<Link> forget;

  /**
   * @param advertised where the peer is told to send; null for where this node listens
   * @param forget hears no more of a link's streams
   */
  MediaConnector(
      EmbeddedMedia media,
      Endpoint endpoint,
      @Nullable Endpoint advertised,
      ControlWriter writer,
      SecureRandom random,
      Consumer<Link> forget) {
    this.media = media;
    this.endpoint = endpoint;
    this.advertised = advertised;
    this.writer = writer;
    this.random = random;
    this.forget = forget;
  }

  @Override
  public LinkControl open() {
    return new LinkControl(media.control(endpoint), writer);
  }

  @Override
  public long nonce() {
    return random.nextLong();
  }

  @Override
  public byte[] random() {
    return LinkSecrets.nonce(random);
  }

  @Override
  public String replyTo() {
    Endpoint told = advertised;
    return (told != null ? told : Endpoint.parseLiteral(media.endpoint()).asSeenFrom(endpoint))
        .withoutScope()
        .toString();
  }

  @Override
  public String doubt() {
    return media.noRoomForAnother().orElse("is it running?");
  }

  @Override
  public void forget(Link link) {
    forget.accept(link);
  }
}
