package dev.baton.bench.plan;

import dev.baton.device.Device;
import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.Objective;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlanner;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One whole plan, reason and explanation included, for eight unlike nodes that may all work with
 * each other, a model of 80 layers, and all chunk schedules of the planner.
 *
 * <p>Inside the window: {@link SplitPlanner#plan}. Outside: the catalog, the nodes' profiles.
 * Proved before: what is chosen is among the alternatives and takes time.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class PlannerBenchmark {
  private static final int LARGEST_CHUNK_TOKENS = 4096;
  private static final List<String> DEVICES =
      List.of(
          "DGX Spark GB10",
          "M3 Ultra 80c",
          "RTX 5090",
          "RTX 3090",
          "M4 Max 40c",
          "M2 Ultra 76c",
          "RTX 4090",
          "M1 Max 32c");

  @Param({"8192"})
  private int promptTokens;

  @Param({"unlike", "alike"})
  private String nodes = "";

  private final SplitPlanner planner = new SplitPlanner(LARGEST_CHUNK_TOKENS);
  private PlannedModel model;
  private Cluster cluster;
  private RequestShape shape;

  @Setup
  public void make() {
    DeviceCatalog catalog = DeviceCatalog.load();
    ModelArchitecture architecture = catalog.model("llama-3.3-70b-q4_k_m");
    model = architecture.planned();
    shape = new RequestShape(promptTokens, 0, 256, false);
    List<ClusterNode> all = new ArrayList<>();
    Map<Cluster.Way, LinkSpeed> links = new HashMap<>();
    for (int i = 0; i < DEVICES.size(); i++) {
      Device device = catalog.device(DEVICES.get(nodes.equals("alike") ? 0 : i));
      all.add(
          new ClusterNode(
              "node " + i,
              catalog.profile(device, architecture),
              true,
              true,
              0,
              Correction.NONE,
              device.watts(),
              device.watts(),
              1));
      for (int j = 0; j < DEVICES.size(); j++) {
        if (i != j) {
          links.put(
              new Cluster.Way("node " + i, "node " + j),
              new LinkSpeed(5e-4, 2e-4, 1.15e9, 1.15e9, 1, 0.03));
        }
      }
    }
    cluster = new Cluster(all, links);
    PlanDecision decision = plan();
    if (!decision.alternatives().contains(decision.chosen())
        || decision.chosen().prediction().e2eSeconds() <= 0) {
      throw new IllegalStateException("no sound plan: " + decision.reason());
    }
  }

  @Benchmark
  public PlanDecision plan() {
    return planner.plan(model, shape, cluster, new Objective.E2e());
  }
}
