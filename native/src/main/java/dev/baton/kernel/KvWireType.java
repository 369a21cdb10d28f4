package dev.baton.kernel;

import dev.baton.arch.LayerState;

/**
 * The form of KV rows on the wire. Either way a slice is {@code [token][kvHead][headDim]}, K of all
 * tokens and then V of all tokens; the exact bytes stand in this module's README.
 */
public enum KvWireType {
  /** IEEE half precision, what the caches hold: lossless. */
  F16,

  /**
   * Runs of {@link #Q8_RUN_VALUES} values as one f16 scale and a signed byte each: a little more
   * than half the bytes, and lossy. Needs a head dimension of whole runs.
   */
  Q8;

  /** Values that share one scale in {@link #Q8}. */
  public static final int Q8_RUN_VALUES = LayerState.Part.LOSSY_RUN_VALUES;

  /** Bytes of such a run: the f16 scale and then the values. */
  public static final int Q8_RUN_BYTES = LayerState.Part.LOSSY_RUN_BYTES;

  /** True where KV of this geometry can be sent in this form. */
  public boolean fits(KvGeometry geometry) {
    return this == F16 || geometry.headDim() % Q8_RUN_VALUES == 0;
  }

  /**
   * Bytes of one token's K row and V row of one layer on the wire.
   *
   * @throws IllegalArgumentException if this form does not {@link #fits fit} the geometry
   */
  public int tokenBytes(KvGeometry geometry) {
    return switch (this) {
      case F16 -> geometry.tokenBytes();
      case Q8 -> {
        if (!fits(geometry)) {
          throw new IllegalArgumentException(
              "KV heads of "
                  + geometry.headDim()
                  + " values cannot travel as Q8, which takes multiples of "
                  + Q8_RUN_VALUES
                  + "; order F16");
        }
        yield 2 * geometry.kvHeads() * (geometry.headDim() / Q8_RUN_VALUES) * Q8_RUN_BYTES;
      }
    };
  }
}
