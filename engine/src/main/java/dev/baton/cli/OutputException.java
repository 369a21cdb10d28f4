package dev.baton.cli;

import java.io.IOException;

/** The command's result cannot be written any more. */
final class OutputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OutputException(IOException cause) {
    super(cause.getMessage(), cause);
  }

  /**
   * Whether the reader of a pipe has read enough and gone, as {@code head} does: nothing that has
   * to be said.
   */
  boolean isReaderGone() {
    return "Broken pipe".equals(getMessage());
  }
}
