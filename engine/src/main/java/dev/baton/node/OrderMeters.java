package dev.baton.node;

import dev.baton.kvstream.OrderReport;
import dev.baton.metrics.Buckets;
import dev.baton.metrics.Counter;
import dev.baton.metrics.CounterFamily;
import dev.baton.metrics.Histogram;
import dev.baton.metrics.Meters;
import dev.baton.metrics.Series;
import dev.baton.prefill.PrefillQueue;
import java.util.function.Consumer;

/** What a prefill node's orders did, counted at their ends, on the stream's thread. */
public final class OrderMeters {
  private final CounterFamily<OrderReport.End> orders;
  private final Counter tokens;
  private final Counter sentBytes;
  private final Counter savedBytes;
  private final Counter resumes;
  private final Counter heldTokens;
  private final Histogram times;
  private volatile Consumer<OrderReport> told = _ -> {};

  /** Shows what becomes of the queue's orders from now on. */
  public static OrderMeters of(PrefillQueue queue, Meters meters) {
    OrderMeters counted = new OrderMeters(meters, queue);
    queue.onOrderEnd(counted::ended);
    return counted;
  }

  private OrderMeters(Meters meters, PrefillQueue queue) {
    orders =
        meters.counters(
            Series.of("baton_orders", "Orders that have ended, by how."),
            "outcome",
            OrderReport.End.class);
    meters.gauge(
        Series.of("baton_orders_in_progress", "Orders that wait, are computed or sent."),
        queue::sessions);
    tokens =
        meters.counter(
            Series.of("baton_ordered_tokens", "Prompt tokens of orders that were taken."));
    heldTokens =
        meters.counter(
            Series.of("baton_ordered_held_tokens", "Of these, tokens whose KV was there."));
    times =
        meters.histogram(
            Series.of("baton_order_seconds", "From when an order was taken to its end."),
            Buckets.REQUEST_TIMES);
    sentBytes =
        meters.counter(
            Series.of("baton_stream_sent_bytes", "KV and boundary rows, repeats included."));
    savedBytes =
        meters.counter(
            Series.of(
                "baton_stream_sender_saved_bytes",
                "What callers had when a connection was made anew, and was not sent again."));
    resumes =
        meters.counter(
            Series.of("baton_stream_sender_resumes", "Orders that went on over a new connection."));
  }

  private void ended(OrderReport report) {
    orders.of(report.end()).increment();
    if (report.end() != OrderReport.End.REFUSED) {
      tokens.add(report.tokens());
      heldTokens.add(report.heldTokens());
      times.record(report.ns());
      sentBytes.add(report.sentBytes());
      savedBytes.add(report.savedBytes());
      resumes.add(report.resumes());
    }
    told.accept(report);
  }

  /** Has each report passed on from now on. */
  public void tell(Consumer<OrderReport> action) {
    told = action;
  }
}
