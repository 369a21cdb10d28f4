package dev.baton;

/**
 * A request or an engine that cannot do what was asked; the message says what was wrong and what to
 * do.
 */
public final class BatonException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public BatonException(String message) {
    super(message);
  }

  public BatonException(String message, Throwable cause) {
    super(message, cause);
  }
}
