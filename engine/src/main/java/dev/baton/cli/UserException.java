package dev.baton.cli;

import dev.baton.failure.ExplainedException;

/** Something about the command's input is wrong; the message says what, and what to do. */
final class UserException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  UserException(String message) {
    super(message);
  }

  UserException(String message, Throwable cause) {
    super(message, cause);
  }
}
