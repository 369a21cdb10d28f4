package dev.baton.arch;

import dev.baton.failure.ExplainedException;

/** A model that Baton cannot run; the message names the file, what was wrong and what to do. */
public final class ModelException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public ModelException(String message) {
    super(message);
  }

  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
