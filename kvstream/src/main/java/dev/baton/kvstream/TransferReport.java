package dev.baton.kvstream;

import org.jspecify.annotations.Nullable;

/**
 * What one session's transfer did, by the receiver's {@code System.nanoTime}; the sender's clock is
 * aligned by round trips.
 *
 * @param kvBytes payload bytes of KV received, repeats included
 * @param hiddenBytes payload bytes of hidden rows received
 * @param bytesBeforeComputeEnd payload bytes that had arrived when the sender's compute ended
 * @param orderedNs when the order was sent
 * @param computeStartNs when the sender began to compute, on this node's clock
 * @param computeEndNs when the sender's compute ended, on this node's clock
 * @param firstByteNs when the first payload arrived
 * @param lastByteNs when the last payload arrived
 * @param clockErrorNs half the best round trip: how far the alignment may be off
 * @param resumes how often it went on over a new connection
 * @param savedBytes payload bytes that were there at the last resume and did not come again
 * @param spoiledMessages messages whose digest was wrong; their rows came again
 * @param fault what ended it before all was there; null where all came, or the owner ended it
 */
public record TransferReport(
    long kvBytes,
    long hiddenBytes,
    long bytesBeforeComputeEnd,
    long orderedNs,
    long computeStartNs,
    long computeEndNs,
    long firstByteNs,
    long lastByteNs,
    long clockErrorNs,
    int resumes,
    long savedBytes,
    int spoiledMessages,
    @Nullable TransferFault fault) {

  /**
   * Share of the payload that arrived while the sender still computed, 0..1; 1 when nothing was
   * sent.
   */
  public double hiddenShare() {
    long total = kvBytes + hiddenBytes;
    return total == 0 ? 1.0 : (double) bytesBeforeComputeEnd / total;
  }
}
