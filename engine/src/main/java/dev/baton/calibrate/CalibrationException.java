package dev.baton.calibrate;

import dev.baton.failure.ExplainedException;

/** Nothing could be measured; the message is one line for people. */
public final class CalibrationException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  CalibrationException(String message) {
    super(message);
  }
}
