package dev.baton.cli;

import java.util.function.LongSupplier;

/**
 * One line on a terminal that says how far long work is, and is gone when the work is done. Shows
 * nothing for work that is quick, and nothing at all where stderr is no terminal. Any thread.
 */
final class StatusLine implements AutoCloseable {
  private static final long QUIET_NS = 300_000_000;
  private static final long INTERVAL_NS = 100_000_000;
  private static final String ERASE = "\r\033[K";

  private final Terminal terminal;
  private final LongSupplier clockNs;
  private long nextNs;
  private boolean visible;
  private boolean closed;

  StatusLine(Terminal terminal, LongSupplier clockNs) {
    this.terminal = terminal;
    this.clockNs = clockNs;
    this.nextNs = clockNs.getAsLong() + QUIET_NS;
  }

  /** Shows {@code what} and how much of it is done, 0..1. */
  synchronized void show(String what, double done) {
    long nowNs = clockNs.getAsLong();
    if (closed || !terminal.errIsTerminal() || nowNs - nextNs < 0) {
      return;
    }
    nextNs = nowNs + INTERVAL_NS;
    visible = true;
    terminal.err().print(ERASE + what + " " + Math.round(100 * done) + " %");
    terminal.err().flush();
  }

  /** Takes the line away, until the next {@link #show}. */
  synchronized void clear() {
    if (visible) {
      visible = false;
      terminal.err().print(ERASE);
      terminal.err().flush();
    }
  }

  @Override
  public synchronized void close() {
    clear();
    closed = true;
  }
}
