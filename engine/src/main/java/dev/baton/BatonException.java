package dev.baton;

import dev.baton.failure.ExplainedException;

/**
 * A request or an engine that cannot do what was asked; the message says what was wrong and what to
 * do. Whoever wants to catch what a model's file, the stream or the catalog may complain of as well
 * catches {@link ExplainedException}, which all of these are.
 */
public final class BatonException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public BatonException(String message) {
    super(message);
  }

  public BatonException(String message, Throwable cause) {
    super(message, cause);
  }
}
