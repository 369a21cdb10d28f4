package dev.baton.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.LogRecord;

/** A log record as a line: {@code baton: 14:03:59.123 warning: what happened}. */
public final class LogLine extends Formatter {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");

  private final boolean trace = !System.getenv().getOrDefault(Failure.TRACE, "").isEmpty();

  /** For the JDK, which makes it by its name. */
  public LogLine() {}

  @Override
  public String format(LogRecord written) {
    LocalTime time = LocalTime.ofInstant(written.getInstant(), ZoneId.systemDefault());
    Throwable thrown = written.getThrown();
    String line =
        "baton: "
            + TIME.format(time)
            + " "
            + word(written.getLevel())
            + ": "
            + Failure.oneLine(formatMessage(written) + (thrown == null ? "" : ": " + thrown))
            + "\n";
    return thrown != null && trace ? line + stack(thrown) : line;
  }

  private static String word(Level level) {
    int value = level.intValue();
    if (value >= Level.SEVERE.intValue()) {
      return "error";
    }
    if (value >= Level.WARNING.intValue()) {
      return "warning";
    }
    return value >= Level.CONFIG.intValue() ? "info" : "debug";
  }

  private static String stack(Throwable thrown) {
    StringWriter text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text));
    return text.toString();
  }
}
