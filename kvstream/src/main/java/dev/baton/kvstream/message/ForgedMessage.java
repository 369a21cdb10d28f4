package dev.baton.kvstream.message;

/**
 * A message on a sealed stream that the peer has not sealed, or not next: spoiled on its way, sent
 * again, or somebody else's. Nothing of it is used, and it says nothing about the peer.
 */
public final class ForgedMessage extends MalformedMessage {
  private static final long serialVersionUID = 1L;

  public ForgedMessage(String message) {
    super(message);
  }
}
