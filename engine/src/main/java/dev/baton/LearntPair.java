package dev.baton;

import dev.baton.calibrate.PairProfile;
import dev.baton.learn.Corrections;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import java.util.List;
import java.util.Map;

/**
 * A measurement of two nodes, and what requests have shown of it since.
 *
 * @param there what the prefill node is called
 */
record LearntPair(PairProfile profile, Corrections corrections, String there) {
  /** What this node is called. */
  static final String HERE = "this node";

  /**
   * The two, for a prompt of that length.
   *
   * @param timesSlower than learnt that the prefill node is at present
   */
  Cluster cluster(int promptTokens, double timesSlower) {
    Correction ofHere = corrections.of(HERE, promptTokens);
    Correction ofThere = corrections.of(there, promptTokens).withSlowerPrefill(timesSlower);
    return new Cluster(
        List.of(
            new ClusterNode(HERE, profile.here(), false, true, 0, ofHere, 0, 0, 0),
            new ClusterNode(there, profile.there(), true, false, 0, ofThere, 0, 0, 0)),
        Map.of(new Cluster.Way(there, HERE), profile.link()));
  }
}
