package dev.baton.kvstream.session;

/**
 * How far a peer's {@code System.nanoTime} is ahead of ours, from questions and answers: the best
 * round trip of the last {@link #WINDOW} to twice as many bounds the error to its half. Old ones
 * are forgotten because clocks drift. One thread.
 *
 * <p>Source: RFC 5905 (NTP), section 8 and the clock filter of section 10.
 */
public final class ClockOffset {
  static final int WINDOW = 32;

  private long offsetNs;
  private long roundTripNs = Long.MAX_VALUE;
  private long freshOffsetNs;
  private long freshRoundTripNs = Long.MAX_VALUE;
  private int samples;

  /**
   * One exchange: asked at {@code askedNs} and answered at {@code answeredNs} by our clock, in
   * between received at {@code receivedNs} and sent back at {@code sentNs} by the peer's.
   */
  public void sample(long askedNs, long receivedNs, long sentNs, long answeredNs) {
    long roundTrip = (answeredNs - askedNs) - (sentNs - receivedNs);
    if (roundTrip < 0) {
      return;
    }
    long offset = ((receivedNs - askedNs) + (sentNs - answeredNs)) / 2;
    if (roundTrip <= freshRoundTripNs) {
      freshRoundTripNs = roundTrip;
      freshOffsetNs = offset;
    }
    if (roundTrip <= roundTripNs) {
      roundTripNs = roundTrip;
      offsetNs = offset;
    }
    if (++samples % WINDOW == 0) {
      roundTripNs = freshRoundTripNs;
      offsetNs = freshOffsetNs;
      freshRoundTripNs = Long.MAX_VALUE;
    }
  }

  boolean isKnown() {
    return samples > 0;
  }

  /** A moment of the peer's clock on ours. */
  long toLocalNs(long peerNs) {
    return peerNs - offsetNs;
  }

  /** The best round trip, 0 before the first sample. */
  public long roundTripNs() {
    return isKnown() ? roundTripNs : 0;
  }
}
