package dev.baton.plan;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;

/**
 * What the planner has to know of a model. Its speed is the nodes' ({@link SpeedProfile}).
 *
 * @param name the model's name
 * @param geometry its KV
 * @param hiddenDim floats of one token's hidden row
 */
public record PlannedModel(String name, KvGeometry geometry, int hiddenDim) {
  public PlannedModel {
    if (hiddenDim < 1) {
      throw new IllegalArgumentException("a hidden row has at least 1 float, got " + hiddenDim);
    }
  }

  /** The model's layers. */
  public int layers() {
    return geometry.layers();
  }

  /** Bytes of one token's KV in one layer on the wire. */
  public long kvBytes(KvWireType wireType) {
    return wireType.tokenBytes(geometry);
  }

  /** Bytes of one token's hidden row on the wire. */
  public long hiddenBytes() {
    return (long) hiddenDim * Float.BYTES;
  }
}
