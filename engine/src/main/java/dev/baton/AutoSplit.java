package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.cluster.NodeCompute;
import dev.baton.decode.DecodeLoop;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.PrefillPeer;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.Objective;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;

/** Chooses where each request is cut, by what the two nodes and their link were measured to do. */
final class AutoSplit {
  private static final String HERE = "this node";
  private static final String THERE = "the prefill node";
  private static final int SHARED_TOKENS = 512;
  private static final long COARSE_REQUEST_NS = TimeUnit.MILLISECONDS.toNanos(800);

  private final PlannedModel model;
  private final Cluster cluster;
  private final SplitPlanner planner;
  private final boolean lossyWire;

  private AutoSplit(
      PlannedModel model, PairProfile profile, int largestChunkTokens, boolean lossyWire) {
    this.model = model;
    this.planner = new SplitPlanner(largestChunkTokens);
    this.lossyWire = lossyWire;
    ClusterNode here = new ClusterNode(HERE, profile.here(), false, true, 0, 1, 1, 0, 0, 0);
    ClusterNode there = new ClusterNode(THERE, profile.there(), true, false, 0, 1, 1, 0, 0, 0);
    this.cluster =
        new Cluster(List.of(here, there), Map.of(new Cluster.Way(THERE, HERE), profile.link()));
  }

  /**
   * With what was measured before, or else is measured now, which takes some seconds.
   *
   * @throws dev.baton.calibrate.CalibrationException when it cannot be measured
   */
  static AutoSplit of(
      BatonConfig config,
      NodeCompute compute,
      DecodeLoop loop,
      PrefillPeer peer,
      ProfileStore store,
      DoubleConsumer progress)
      throws InterruptedException {
    int chunk = config.chunks().largestTokens();
    ProfileStore.Key key =
        new ProfileStore.Key(
            compute.model().file().fingerprint(),
            compute.kernels().description() + ", chunks of " + chunk,
            config.prefill() == null ? "its own process" : config.prefill(),
            peer.identity().backend(),
            Kernels.NUMERICS_VERSION);
    PairProfile profile = store.find(key).orElse(null);
    if (profile == null) {
      profile = measure(compute, loop, peer, chunk, progress);
      try {
        store.keep(key, profile);
      } catch (IOException e) {
        throw new UncheckedIOException(
            "what was measured cannot be kept: set BATON_HOME to a folder that can be written", e);
      }
    }
    boolean lossy = config.wireType() != KvWireType.F16;
    return new AutoSplit(planned(compute), profile, chunk, lossy);
  }

  private static PlannedModel planned(NodeCompute compute) {
    return new PlannedModel(
        compute.model().file().fingerprint(),
        compute.model().kvGeometry(),
        compute.model().config().dim());
  }

  private static PairProfile measure(
      NodeCompute compute, DecodeLoop loop, PrefillPeer peer, int chunk, DoubleConsumer progress)
      throws InterruptedException {
    Calibration calibration =
        new Calibration(loop, compute.model().config(), chunk, COARSE_REQUEST_NS, progress);
    SpeedProfile here = calibration.here();
    SpeedProfile there = calibration.there(peer, here);
    LinkSpeed link = calibration.link(peer);
    PairProfile alone = new PairProfile(here, there, link);
    int tokens = Math.min(SHARED_TOKENS, compute.model().config().contextLength() - 1);
    for (SplitPlan plan :
        new AutoSplit(planned(compute), alone, chunk, false).decide(tokens, 1).alternatives()) {
      if (!plan.isLocal() && plan.boundaryLayer() < compute.model().config().layers()) {
        link = link.slowedBy(calibration.slowdown(peer, plan, tokens));
      }
    }
    return new PairProfile(here, there, link);
  }

  /** The plan for a request. */
  PlanDecision decide(int promptTokens, int outputTokens) {
    return planner.plan(
        model,
        new RequestShape(promptTokens, 0, outputTokens, lossyWire),
        cluster,
        new Objective.E2e());
  }
}
