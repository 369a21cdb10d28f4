package dev.baton;

import dev.baton.failure.ExplainedException;

/**
 * A request or an engine that cannot do what was asked; the message says what was wrong and what to
 * do. Whoever wants to catch what a model's file, the stream or the catalog may complain of as well
 * catches {@link ExplainedException}, which all of these are.
 */
public final class BatonException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  private final boolean contextOverflow;

  public BatonException(String message) {
    this(message, false);
  }

  private BatonException(String message, boolean contextOverflow) {
    super(message);
    this.contextOverflow = contextOverflow;
  }

  /** A prompt that is longer than what is served; the message has both counts. */
  static BatonException contextOverflow(String message) {
    return new BatonException(message, true);
  }

  /** Whether the prompt is longer than what is served. */
  public boolean isContextOverflow() {
    return contextOverflow;
  }

  public BatonException(String message, Throwable cause) {
    super(message, cause);
    this.contextOverflow = false;
  }
}
