package dev.baton.bench.report;

import dev.baton.failure.ExplainedException;

/** What was measured did not do its work: its figures count for nothing. One line says why. */
public final class WrongResult extends ExplainedException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  public WrongResult(String reason) {
    super(reason);
    this.reason = reason;
  }

  /** That line. */
  public String reason() {
    return reason;
  }
}
