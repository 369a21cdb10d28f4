package dev.baton.bench.stream;

import java.io.PrintStream;

/** One line on a terminal that says what is being measured; nothing elsewhere. */
final class Progress {
  private static final String TERMINALS_PROPERTY = "baton.terminals";
  private static final String ERASE = "\r\033[K";

  private final PrintStream err;
  private final boolean terminal = System.getProperty(TERMINALS_PROPERTY, "").contains("2");

  Progress(PrintStream err) {
    this.err = err;
  }

  void show(String what) {
    if (terminal) {
      err.print(ERASE + "measuring " + what);
      err.flush();
    }
  }

  void clear() {
    if (terminal) {
      err.print(ERASE);
      err.flush();
    }
  }
}
