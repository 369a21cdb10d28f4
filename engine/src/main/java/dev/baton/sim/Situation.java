package dev.baton.sim;

import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Objective;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What is known when a request comes.
 *
 * @param planner that says what plans there are
 * @param model to be served
 * @param request that came
 * @param cluster with its queues now
 * @param cachedTokens of the request's prompt, at each of the cluster's nodes
 * @param sequences in the decode batch of each of the cluster's nodes
 */
record Situation(
    SplitPlanner planner,
    PlannedModel model,
    TraceRequest request,
    Cluster cluster,
    List<Integer> cachedTokens,
    List<Integer> sequences) {
  /** What Baton is best at by default. */
  private static final Objective OBJECTIVE = new Objective.E2e();

  /**
   * The decode node before which the least work stands; of equals, that with the fewest answers.
   */
  int leastQueued() {
    return decodeNodes()
        .boxed()
        .min(
            Comparator.<Integer>comparingDouble(n -> cluster.nodes().get(n).queueSeconds())
                .thenComparingInt(sequences::get))
        .orElseThrow();
  }

  /** Tokens that a node would have to compute. */
  int uncachedTokens(int node) {
    return request.promptTokens() - cachedTokens.get(node);
  }

  /** Everything at one node. */
  SplitPlan alone(int node) {
    Cluster only = new Cluster(List.of(cluster.nodes().get(node)), Map.of());
    return planner.plan(model, shape(cachedTokens.get(node)), only, OBJECTIVE).chosen();
  }

  /** What Baton chooses. */
  SplitPlan best() {
    List<SplitPlan> plans = new ArrayList<>();
    for (int cached : differentCaches()) {
      plans.add(planner.plan(model, shape(cached), decodingWith(cached), OBJECTIVE).chosen());
    }
    return plans.stream().min(byObjective()).orElseThrow();
  }

  /** The best plan that computes the whole prompt at another node, or null where there is none. */
  @Nullable SplitPlan bestClassic() {
    List<SplitPlan> plans = new ArrayList<>();
    for (int cached : differentCaches()) {
      plans.addAll(
          planner.plan(model, shape(cached), decodingWith(cached), OBJECTIVE).alternatives());
    }
    return plans.stream()
        .filter(plan -> plan.boundaryLayer() == model.layers())
        .min(byObjective())
        .orElse(null);
  }

  private Comparator<SplitPlan> byObjective() {
    return Comparator.comparingDouble(plan -> plan.prediction().e2eSeconds());
  }

  private IntStream decodeNodes() {
    return IntStream.range(0, cluster.nodes().size()).filter(n -> cluster.nodes().get(n).decodes());
  }

  /** A shape holds for decode nodes that have as much of the prompt, so these are asked apart. */
  private int[] differentCaches() {
    return decodeNodes().map(cachedTokens::get).distinct().toArray();
  }

  private Cluster decodingWith(int cached) {
    List<ClusterNode> nodes = new ArrayList<>();
    for (int n = 0; n < cachedTokens.size(); n++) {
      ClusterNode node = cluster.nodes().get(n);
      nodes.add(node.decodes() && cachedTokens.get(n) != cached ? notDecoding(node) : node);
    }
    return new Cluster(nodes, cluster.links());
  }

  private static ClusterNode notDecoding(ClusterNode node) {
    return new ClusterNode(
        node.name(),
        node.speed(),
        node.prefills(),
        false,
        node.queueSeconds(),
        node.correction(),
        node.prefillWatts(),
        node.decodeWatts(),
        node.usdPerHour());
  }

  private RequestShape shape(int cached) {
    return new RequestShape(request.promptTokens(), cached, request.outputTokens(), false);
  }
}
