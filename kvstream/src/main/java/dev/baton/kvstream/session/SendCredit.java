package dev.baton.kvstream.session;

/**
 * Payload of one order at its sender: what may leave, what has left, and what is still to leave.
 * Stream thread only.
 */
final class SendCredit {
  private long limitBytes;
  private long sentBytes;
  private long leftBytes;
  private long savedBytes;
  private long unsentBytes;

  /**
   * @param limitBytes what the receiver takes at first
   * @param unsentBytes all that is to leave, computed or not
   */
  SendCredit(long limitBytes, long unsentBytes) {
    this.limitBytes = limitBytes;
    this.unsentBytes = unsentBytes;
  }

  /** The receiver takes up to so much in all; true where that is more than before. */
  boolean raise(long limit) {
    boolean isMore = limit > limitBytes;
    limitBytes = Math.max(limitBytes, limit);
    return isMore;
  }

  /** The receiver has so much and takes up to the limit. What it lacks is counted anew. */
  void resume(long received, long limit) {
    limitBytes = limit;
    sentBytes = received;
    savedBytes = received;
  }

  /** Whole units that may leave now. */
  int affordable(int unitBytes) {
    return (int) Math.min(Integer.MAX_VALUE, (limitBytes - sentBytes) / unitBytes);
  }

  /** Whether a unit of so many bytes may leave now. */
  boolean affords(int unitBytes) {
    return limitBytes - sentBytes >= unitBytes;
  }

  void spent(long bytes) {
    sentBytes += bytes;
    leftBytes += bytes;
    unsentBytes -= bytes;
  }

  /** So much has to leave, once more or in another's place. */
  void owes(long bytes) {
    unsentBytes += bytes;
  }

  /** Nothing is known to be lacking. */
  void owesNothing() {
    unsentBytes = 0;
  }

  /** Payload that has not left yet, computed or not. */
  long unsentBytes() {
    return unsentBytes;
  }

  /** Payload that has left, repeats included. */
  long leftBytes() {
    return leftBytes;
  }

  /** Payload that the receiver had at the last resume. */
  long savedBytes() {
    return savedBytes;
  }
}
