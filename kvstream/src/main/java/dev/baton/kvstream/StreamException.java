package dev.baton.kvstream;

/** The stream or a peer cannot be used; the message says which, why, and what to do. */
public final class StreamException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public StreamException(String message) {
    super(message);
  }

  public StreamException(String message, Throwable cause) {
    super(message, cause);
  }
}
