package dev.baton.journal;

import dev.baton.failure.ExplainedException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;

/** The journal cannot be kept or read; the message says which, why, and what to do, in one line. */
public final class JournalException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  JournalException(String message, Throwable cause) {
    super(message, cause);
  }

  /** What happened, in a few words of one line. */
  static String reason(Throwable failure) {
    String message = failure.getMessage();
    return switch (failure) {
      case AccessDeniedException denied -> "permission denied: " + denied.getFile();
      case FileAlreadyExistsException taken -> taken.getFile() + " is no folder";
      case FileSystemException e when e.getReason() != null -> e.getReason();
      case Throwable _ when message != null && failure instanceof IOException ->
          message.lines().findFirst().orElse("");
      default ->
          failure.getClass().getSimpleName()
              + (message == null ? "" : ": " + message.lines().findFirst().orElse(""));
    };
  }
}
