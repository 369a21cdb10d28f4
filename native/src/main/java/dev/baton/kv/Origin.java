package dev.baton.kv;

/** How what stands in KV came to be, the best first: a sequence has the worst of all its tokens. */
public enum Origin {
  /** Computed by a backend that obeys the numeric contract, here or elsewhere. */
  EXACT,
  /** Once in a form of the wire that loses bits. */
  LOSSY_WIRE,
  /** Computed by a device that is equal within a tolerance only. */
  TOLERANT;

  public boolean isExact() {
    return this == EXACT;
  }

  /** The worse of both. */
  public Origin or(Origin other) {
    return compareTo(other) < 0 ? other : this;
  }
}
