package dev.baton.journal;

/** The journal cannot be kept or read; the message says which, why, and what to do, in one line. */
public final class JournalException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  JournalException(String message, Throwable cause) {
    super(message, cause);
  }
}
