package dev.baton.kvstream.link;

/** How a link gets to its peer, and again when the connection broke. Stream thread only. */
interface PeerConnector {
  /** A new control stream to the peer. */
  LinkControl open();

  /** A number that the answer to the next greeting is known by. */
  long nonce();

  /** 32 fresh random bytes. */
  byte[] random();

  /** Where the peer's answers are heard, {@code address:port}. */
  String replyTo();

  /** What may be the cause where the peer does not answer. */
  String doubt();

  /** Hears no more of the streams on which this link's peer has spoken so far. */
  void forget(Link link);
}
