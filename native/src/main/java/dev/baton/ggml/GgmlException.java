package dev.baton.ggml;

import dev.baton.failure.ExplainedException;

/** Why ggml, or a device of it, cannot be used; the message says what to do, in one line. */
public final class GgmlException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public GgmlException(String message) {
    super(message);
  }

  public GgmlException(String message, Throwable cause) {
    super(message, cause);
  }
}
