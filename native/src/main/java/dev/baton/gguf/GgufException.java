package dev.baton.gguf;

import dev.baton.failure.ExplainedException;

/** A GGUF file that cannot be read; the message names the file, the field and what to do. */
public final class GgufException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  public GgufException(String message) {
    super(message);
  }

  public GgufException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Text from a file, fit for a one-line message: in single quotes, control characters replaced so
   * that a hostile name cannot drive a terminal, and cut after 80 characters.
   */
  public static String quoted(String untrusted) {
    String shown = untrusted.length() <= 80 ? untrusted : untrusted.substring(0, 80) + "...";
    return "'" + shown.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]", "?") + "'";
  }
}
