package dev.baton.kvstream.message;

/** A peer sent bytes that are no message of this protocol, or one that does not belong here. */
public sealed class MalformedMessage extends RuntimeException permits ForgedMessage {
  private static final long serialVersionUID = 1L;

  public MalformedMessage(String message) {
    super(message, null, false, false);
  }
}
