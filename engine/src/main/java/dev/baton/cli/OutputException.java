package dev.baton.cli;

import dev.baton.failure.ExplainedException;
import java.io.IOException;

/** The command's result cannot be written any more. */
final class OutputException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  private final boolean readerGone;

  OutputException(IOException cause) {
    super("cannot write the result: " + cause.getMessage(), cause);
    this.readerGone = "Broken pipe".equals(cause.getMessage());
  }

  /**
   * Whether the reader of a pipe has read enough and gone, as {@code head} does: nothing that has
   * to be said.
   */
  boolean isReaderGone() {
    return readerGone;
  }
}
