package dev.baton.plan;

import java.util.List;

/**
 * What a plan would take. Seconds from the request's arrival.
 *
 * @param ttftSeconds until the first token
 * @param e2eSeconds until the last
 * @param ttftPath where the time until the first token goes
 * @param path where the time until the last token goes
 * @param compute how long the nodes compute, whenever that is, before any correction
 * @param ttftError how far off ttftSeconds usually is (standard deviation, seconds)
 * @param e2eError the same of e2eSeconds
 * @param joules drawn by both nodes for it
 * @param usd for both nodes' time
 * @param bytesMoved over the link
 * @param arrivals by when which share of these has arrived; none without a prefill node
 */
public record Prediction(
    double ttftSeconds,
    double e2eSeconds,
    Path ttftPath,
    Path path,
    Compute compute,
    double ttftError,
    double e2eError,
    double joules,
    double usd,
    long bytesMoved,
    List<Arrival> arrivals) {
  public Prediction {
    arrivals = List.copyOf(arrivals);
  }

  /**
   * A point of the way of a prompt's KV, between which it comes evenly.
   *
   * @param share of all bytes, 0 in the first point and 1 in the last
   * @param seconds from the request's arrival until so much is here
   */
  public record Arrival(double share, double seconds) {}

  /**
   * The chain of work that decides when the answer is there; what runs beside it is in none of
   * these. Seconds; together they are that time.
   *
   * @param queue waiting for a node
   * @param prefillNode computing at the prefill node
   * @param link orders and bytes on their way while nothing else goes on
   * @param prefillHere prefilling at the decode node, the output matrix included
   * @param decode decode steps
   */
  public record Path(
      double queue, double prefillNode, double link, double prefillHere, double decode) {}

  /**
   * Seconds of computing alone.
   *
   * @param prefillThere at the prefill node
   * @param prefillHere the decode node's part of the prefill, the output matrix included
   * @param decode all decode steps
   */
  public record Compute(double prefillThere, double prefillHere, double decode) {}
}
