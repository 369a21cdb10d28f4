package dev.baton.kvstream.link;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.media.EmbeddedMedia;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.StrangerLog;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.seal.LinkSecrets;
import dev.baton.kvstream.session.KvPublication;
import java.security.SecureRandom;
import java.util.List;
import org.agrona.DirectBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Answers the nodes that greet this one: makes a link to them, or refuses with the reason. Stream
 * thread only.
 */
final class HelloHandler {
  /** Nodes that are served at once. */
  private static final int MAX_LINKS = 64;

  /** Nodes that have greeted and proved nothing yet; the media has places for 32 strangers. */
  private static final int MAX_UNPROVEN = 128;

  private final StreamAgent.Self self;
  private final @Nullable PrefillService service;
  private final EmbeddedMedia media;
  private final ControlWriter writer;
  private final SecureRandom random;
  private final List<Link> links;
  private final HelloDecoder hello = new HelloDecoder();

  /**
   * @param service takes orders; null for a node that does not prefill
   * @param links those that there are
   */
  HelloHandler(
      StreamAgent.Self self,
      @Nullable PrefillService service,
      EmbeddedMedia media,
      ControlWriter writer,
      SecureRandom random,
      List<Link> links) {
    this.self = self;
    this.service = service;
    this.media = media;
    this.writer = writer;
    this.random = random;
    this.links = links;
  }

  /**
   * Answers a Hello from {@code source}.
   *
   * @return the link to who greets, accepted or refused; null where nothing is answered
   */
  @Nullable PrefillSideLink answer(Endpoint source, Frame frame, DirectBuffer buffer) {
    Handshake.Caller caller = Handshake.readCaller(frame, buffer, hello);
    Endpoint replyTo = Endpoint.parseLiteral(caller.replyTo()).behind(source);
    if (!Handshake.mayAnswer(replyTo, source, hasKey()) || !hasPlace()) {
      return null;
    }
    Handshake.Introduction introduction =
        caller.version() == Handshake.PROTOCOL_VERSION
            ? Handshake.readIntroduction(hello, self.identity())
            : null;
    Handshake.Refusal refusal = refusal(caller, introduction);
    if (refusal != null && isAboutKeys(refusal)) {
      media.strangers().note(StrangerLog.Kind.NO_KEY, source.socketAddress());
    }
    PrefillSideLink link;
    if (refusal == null && introduction != null && service != null) {
      link = accept(caller, introduction, replyTo, service);
      greetedBy(link, introduction, frame, buffer);
    } else if (refusal != null && replyTo.address().equals(source.address())) {
      link = PrefillSideLink.refusing(caller, refusal, self, controlTo(replyTo));
    } else {
      // A refusal goes to who asked, so that nobody can have it sent to a third.
      return null;
    }
    link.greetedFrom(source);
    return link;
  }

  private static boolean isAboutKeys(Handshake.Refusal refusal) {
    return refusal.outcome() == HelloOutcome.NEEDS_KEY || refusal.outcome() == HelloOutcome.NO_KEY;
  }

  /** Whether one more may greet. Strangers' streams are fewer, so others always may. */
  private boolean hasPlace() {
    int unproven = 0;
    for (int i = 0; i < links.size(); i++) {
      unproven += links.get(i) instanceof PrefillSideLink link && !link.isProven() ? 1 : 0;
    }
    return unproven < MAX_UNPROVEN;
  }

  private int provenLinks() {
    int proven = 0;
    for (int i = 0; i < links.size(); i++) {
      proven += links.get(i) instanceof PrefillSideLink link && link.isProven() ? 1 : 0;
    }
    return proven;
  }

  private boolean hasKey() {
    return self.config().clusterKey() != null;
  }

  private Handshake.@Nullable Refusal refusal(
      Handshake.Caller caller, Handshake.@Nullable Introduction introduction) {
    if (introduction == null) {
      return Handshake.wrongVersion(Handshake.PROTOCOL_VERSION, caller.version());
    }
    Handshake.Refusal key = Handshake.judgeKey(hasKey(), introduction.random());
    if (key != null) {
      return key;
    }
    if (service == null) {
      return Handshake.noPrefill();
    }
    Handshake.Refusal refusal =
        Handshake.judge(self.identity(), introduction.identity(), introduction.parts());
    return refusal == null && provenLinks() >= MAX_LINKS
        ? new Handshake.Refusal(HelloOutcome.FULL, "it serves " + MAX_LINKS + " nodes already")
        : refusal;
  }

  private void takeOver(long linkId, PrefillSideLink by) {
    for (int i = 0; i < links.size(); i++) {
      if (links.get(i) instanceof PrefillSideLink earlier && earlier.linkId() == linkId) {
        by.takeOver(earlier, self.config().clock().nanoTime());
        return;
      }
    }
  }

  private PrefillSideLink accept(
      Handshake.Caller caller,
      Handshake.Introduction introduction,
      Endpoint replyTo,
      PrefillService accepting) {
    KvPublication kv =
        new KvPublication(media.kv(replyTo), self.identity().states().largestUnitBytes());
    return PrefillSideLink.accepting(
        caller, newLinkId(), introduction.leaseNs(), self, accepting, controlTo(replyTo), kv);
  }

  /** Goes on with the sessions that the caller speaks of, with a cluster key once it is proved. */
  private void greetedBy(
      PrefillSideLink link, Handshake.Introduction introduction, Frame frame, DirectBuffer buffer) {
    Runnable goOn =
        () -> {
          if (introduction.resumes() != 0) {
            takeOver(introduction.resumes(), link);
          }
        };
    ClusterKey key = self.config().clusterKey();
    if (key == null) {
      goOn.run();
    } else {
      byte[] own = LinkSecrets.nonce(random);
      link.requireProof(new KeyResponder(key, own, introduction.random(), frame, buffer, goOn));
    }
  }

  private LinkControl controlTo(Endpoint replyTo) {
    return new LinkControl(media.replies(replyTo), writer);
  }

  private long newLinkId() {
    long id = random.nextLong();
    return id == 0 ? 1 : id;
  }
}
