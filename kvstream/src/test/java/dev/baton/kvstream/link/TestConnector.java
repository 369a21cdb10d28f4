package dev.baton.kvstream.link;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.seal.LinkSecrets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** A line on which every opened control stream is kept; nonces count from 5. */
final class TestConnector implements PeerConnector {
  final List<RecordingChannel> opened = new ArrayList<>();
  int forgotten;
  private long nonce = 4;

  RecordingChannel last() {
    return opened.getLast();
  }

  @Override
  public LinkControl open() {
    opened.add(new RecordingChannel());
    return new LinkControl(last(), new ControlWriter());
  }

  @Override
  public long nonce() {
    return ++nonce;
  }

  @Override
  public byte[] random() {
    byte[] random = new byte[LinkSecrets.NONCE_BYTES];
    new SplittableRandom(nonce).nextBytes(random);
    return random;
  }

  @Override
  public String replyTo() {
    return "127.0.0.1:9999";
  }

  @Override
  public String doubt() {
    return "is it running?";
  }

  @Override
  public void forget(Link link) {
    forgotten++;
  }

  /** Writes the reply of a node that accepts a greeting. */
  static int accept(
      ControlWriter writer, long nonce, long leaseNs, long linkId, NodeIdentity identity) {
    return writer.helloReply(nonce, new ControlWriter.Acceptance(leaseNs, linkId, 44), identity);
  }
}
