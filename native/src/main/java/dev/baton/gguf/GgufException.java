package dev.baton.gguf;

/** A GGUF file that cannot be read; the message names the file, the field and what to do. */
public final class GgufException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public GgufException(String message) {
    super(message);
  }

  public GgufException(String message, Throwable cause) {
    super(message, cause);
  }
}
