package dev.baton.decode;

/**
 * When the KV of an ordered prefill is predicted to be here, and what doing without it would take.
 *
 * @param shares of the order's payload, ascending from 0 to 1
 * @param arrivalNs by when that much has arrived, nanoseconds since the order, ascending
 * @param hereNs what the same tokens take on this node alone
 */
public record PrefillForecast(double[] shares, long[] arrivalNs, long hereNs) {
  public PrefillForecast {
    boolean ascends = shares.length > 1 && shares.length == arrivalNs.length;
    for (int i = 1; ascends && i < shares.length; i++) {
      ascends = shares[i] >= shares[i - 1] && arrivalNs[i] >= arrivalNs[i - 1];
    }
    if (!ascends || shares[0] != 0 || shares[shares.length - 1] != 1 || hereNs < 0) {
      throw new IllegalArgumentException("a forecast ascends from nothing to all of an order");
    }
  }

  /** By when what comes behind such a share of the payload begins to arrive. */
  long arrivalNs(double share) {
    int above = 1;
    while (above < shares.length - 1 && shares[above] <= share) {
      above++;
    }
    double span = shares[above] - shares[above - 1];
    double part = span == 0 ? 1 : Math.clamp((share - shares[above - 1]) / span, 0, 1);
    return arrivalNs[above - 1] + Math.round(part * (arrivalNs[above] - arrivalNs[above - 1]));
  }

  /** When all of it is here. */
  long wholeNs() {
    return arrivalNs[arrivalNs.length - 1];
  }
}
