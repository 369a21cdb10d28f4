package dev.baton.calibrate;

/** Nothing could be measured; the message is one line for people. */
public final class CalibrationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CalibrationException(String message) {
    super(message);
  }
}
