package dev.baton.kvstream;

import java.util.ArrayList;
import java.util.List;

/**
 * What of one session arrived when, message by message, for timelines. Grows with the session; only
 * kept where {@link StreamConfig#trace} asks for it. Any thread.
 */
public final class TransferTrace {
  /** Stands for the layer of hidden rows. */
  public static final int HIDDEN = -1;

  /**
   * One message.
   *
   * @param layer of the KV, or {@link #HIDDEN}
   * @param firstToken its tokens are [firstToken, firstToken + tokens)
   * @param bytes payload
   * @param readyNs when the newest of them was computed, on this node's clock like the others
   * @param sentNs when it was handed to the sender's stream
   * @param receivedNs when it was here
   */
  public record Arrival(
      int layer,
      int firstToken,
      int tokens,
      int bytes,
      long readyNs,
      long sentNs,
      long receivedNs) {}

  private final List<Arrival> arrivals = new ArrayList<>(); // guarded by this

  /** Notes what came last. */
  public synchronized void add(Arrival arrival) {
    arrivals.add(arrival);
  }

  /** All so far, in the order in which they came. */
  public synchronized List<Arrival> arrivals() {
    return List.copyOf(arrivals);
  }
}
