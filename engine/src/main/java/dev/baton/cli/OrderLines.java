package dev.baton.cli;

import dev.baton.kvstream.OrderReport;
import java.util.Locale;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Prints a line for each order of a node, on a thread of its own: whoever reads the terminal slowly
 * holds up nobody's KV. Lines that nobody took for too long are left out, and that is said.
 */
final class OrderLines implements AutoCloseable {
  private static final int MOST = 1_000;
  private static final long LAST_LINES_MS = 500;

  private final Terminal terminal;
  private final ThreadPoolExecutor printer;
  private final AtomicInteger leftOut = new AtomicInteger();

  OrderLines(Terminal terminal) {
    this.terminal = terminal;
    this.printer =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MOST),
            Thread.ofPlatform().daemon().name("baton-order-lines").factory());
    printer.setRejectedExecutionHandler((_, _) -> leftOut.incrementAndGet());
  }

  /** Has the line printed soon. Any thread. */
  void add(OrderReport report) {
    printer.execute(() -> terminal.note(line(report)));
  }

  static String line(OrderReport order) {
    String what =
        String.format(
            Locale.ROOT,
            "order of %s: %d tokens, %d of them held, layers [%d, %d), %d ms, %d bytes sent, %d"
                + " resumed, %s",
            order.caller(),
            order.tokens(),
            order.heldTokens(),
            order.fromLayer(),
            order.toLayer(),
            TimeUnit.NANOSECONDS.toMillis(order.ns()),
            order.sentBytes(),
            order.savedBytes(),
            order.end().name().toLowerCase(Locale.ROOT));
    return order.reason() == null ? what : what + ": " + order.reason();
  }

  /** Prints what is left, as far as somebody takes it. Twice is fine. */
  @Override
  public void close() {
    printer.shutdown();
    try {
      if (printer.awaitTermination(LAST_LINES_MS, TimeUnit.MILLISECONDS) && leftOut.get() > 0) {
        terminal.note(leftOut.get() + " lines of orders were left out: nobody took them");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
