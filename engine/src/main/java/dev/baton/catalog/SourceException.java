package dev.baton.catalog;

/**
 * One source did not give the model; another may. The message is half a sentence for a list of such
 * failures.
 */
final class SourceException extends Exception {
  private static final long serialVersionUID = 1L;

  SourceException(String message) {
    super(message);
  }

  SourceException(String message, Throwable cause) {
    super(message, cause);
  }
}
