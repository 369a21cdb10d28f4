package dev.baton.sim;

import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.function.DoubleConsumer;

/**
 * What happens next in simulated time. Of two events at one moment, the one that was planned first
 * comes first, so that a run can be repeated. One thread.
 */
final class EventQueue {
  private record Event(double seconds, long order, DoubleConsumer what) {}

  private final PriorityQueue<Event> events =
      new PriorityQueue<>(
          Comparator.comparingDouble(Event::seconds).thenComparingLong(Event::order));
  private long order;

  /** Lets something happen; it is told the moment. */
  void at(double seconds, DoubleConsumer what) {
    events.add(new Event(seconds, order++, what));
  }

  /** Lets everything happen, until nothing is left to. */
  void run() {
    for (Event event = events.poll(); event != null; event = events.poll()) {
      event.what.accept(event.seconds);
    }
  }
}
