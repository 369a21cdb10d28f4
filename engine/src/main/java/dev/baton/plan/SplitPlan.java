package dev.baton.plan;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import org.jspecify.annotations.Nullable;

/**
 * One way to serve a request.
 *
 * @param prefillNode who computes layers [0, boundaryLayer) of the prompt; null where the decode
 *     node does it all
 * @param link from the one to the other; null without a prefill node
 * @param decodeNode who computes the rest and decodes
 * @param boundaryLayer 0 without a prefill node, else 1..layers
 * @param chunks how the prompt is cut, at both
 * @param wireType the form of the KV on its way
 * @param prediction what it would take
 */
public record SplitPlan(
    @Nullable ClusterNode prefillNode,
    @Nullable LinkSpeed link,
    ClusterNode decodeNode,
    int boundaryLayer,
    ChunkSchedule chunks,
    KvWireType wireType,
    Prediction prediction) {
  public SplitPlan {
    if (boundaryLayer < 0
        || (boundaryLayer == 0) != (prefillNode == null)
        || (prefillNode == null) != (link == null)) {
      throw new IllegalArgumentException(
          "a plan has a prefill node and a link where it has a boundary layer, got "
              + boundaryLayer);
    }
  }

  /** True when one node does it all. */
  public boolean isLocal() {
    return prefillNode == null;
  }

  /**
   * How many things have to work: one node; or two and a link; or these and a pipeline between
   * them; a lossy wire is one more.
   */
  int movingParts(int layers) {
    int parts = isLocal() ? 1 : boundaryLayer == layers ? 3 : 4;
    return wireType == KvWireType.F16 ? parts : parts + 1;
  }
}
