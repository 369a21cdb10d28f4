package dev.baton.kvstream;

/** A peer sent bytes that are no message of this protocol, or one that does not belong here. */
sealed class MalformedMessage extends RuntimeException permits ForgedMessage {
  private static final long serialVersionUID = 1L;

  MalformedMessage(String message) {
    super(message, null, false, false);
  }
}
