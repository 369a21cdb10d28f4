package dev.baton.kvstream;

import dev.baton.failure.ExplainedException;
import org.jspecify.annotations.Nullable;

/** The stream or a peer cannot be used; the message says which, why, and what to do. */
public final class StreamException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  private final boolean noAnswer;

  public StreamException(String message) {
    super(message);
    this.noAnswer = false;
  }

  public StreamException(String message, Throwable cause) {
    super(message, cause);
    this.noAnswer = false;
  }

  private StreamException(String message, @Nullable Throwable cause, boolean noAnswer) {
    super(message, cause);
    this.noAnswer = noAnswer;
  }

  /** Nobody answers there, at this moment. */
  public static StreamException noAnswer(String message, @Nullable Throwable cause) {
    return new StreamException(message, cause, true);
  }

  /**
   * Whether nobody was there, so that another attempt may find somebody: unlike a node that is
   * there and refuses, and unlike an address that cannot be one.
   */
  public boolean isNoAnswer() {
    return noAnswer;
  }
}
