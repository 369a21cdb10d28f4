package dev.baton.bench.stream;

/** What was measured did not do its work: its figures count for nothing. One line says why. */
final class WrongResult extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  WrongResult(String reason) {
    super(reason);
    this.reason = reason;
  }

  String reason() {
    return reason;
  }
}
