package dev.baton.failure;

import org.jspecify.annotations.Nullable;

/**
 * What Baton cannot do, told to whoever asked for it: the message says in one line what was wrong
 * with which input, and what to do. All that Baton throws on purpose for its users extends this, so
 * one {@code catch} has them all; what is asked for in a wrong way is an {@link
 * IllegalArgumentException} instead, and anything else is a fault of Baton's.
 */
public abstract class ExplainedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  protected ExplainedException(String message) {
    super(message);
  }

  protected ExplainedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
