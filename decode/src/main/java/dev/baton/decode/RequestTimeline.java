package dev.baton.decode;

import dev.baton.kvstream.TransferTrace;
import java.util.List;

/**
 * When which part of a request ran. All moments are on this node's {@code System.nanoTime}; those
 * of the prefill node are aligned by round trips. A moment that never came is 0.
 *
 * @param submittedNs when the request came to the decode loop
 * @param admittedNs when it had its KV blocks
 * @param firstTokenNs when the first token was chosen
 * @param lastTokenNs when the last one was
 * @param spans what this node computed before it decoded like any other session
 * @param arrivals what came from the prefill node; empty unless the stream keeps it
 */
public record RequestTimeline(
    long submittedNs,
    long admittedNs,
    long firstTokenNs,
    long lastTokenNs,
    List<Span> spans,
    List<TransferTrace.Arrival> arrivals) {
  /** Rows [firstToken, firstToken + tokens) through layers [fromLayer, toLayer). */
  public record Span(
      int fromLayer, int toLayer, int firstToken, int tokens, long startNs, long endNs) {}

  public RequestTimeline {
    spans = List.copyOf(spans);
    arrivals = List.copyOf(arrivals);
  }
}
