package dev.baton.bench.report;

import java.io.PrintStream;

/** One line on a terminal that says what is being measured; nothing elsewhere. */
public final class Progress {
  private static final String TERMINALS_PROPERTY = "baton.terminals";
  private static final String ERASE = "\r\033[K";

  private final PrintStream err;
  private final boolean terminal = System.getProperty(TERMINALS_PROPERTY, "").contains("2");

  public Progress(PrintStream err) {
    this.err = err;
  }

  /** Shows {@code what} in place of what was shown. */
  public void show(String what) {
    if (terminal) {
      err.print(ERASE + "measuring " + what);
      err.flush();
    }
  }

  /** Takes the line away. */
  public void clear() {
    if (terminal) {
      err.print(ERASE);
      err.flush();
    }
  }
}
