package dev.baton.text;

/** A chat template that cannot be followed; the message goes on after "the chat template ". */
final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  JinjaException(String message) {
    super(message);
  }
}
