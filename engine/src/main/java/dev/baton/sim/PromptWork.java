package dev.baton.sim;

import dev.baton.kvstream.ChunkSchedule;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SplitPlan;
import java.util.Arrays;

/**
 * The work that a plan gives its nodes, by the same profiles that it was predicted with.
 *
 * @param there seconds of each chunk at the prefill node, a prefix that only the decode node has in
 *     the first; empty without a prefill node
 * @param here seconds of each chunk at the decode node, the output matrix in the last
 */
record PromptWork(double[] there, double[] here) {
  /**
   * @param decodeNode as it is; the plan's shows the other answers of its batch as a correction,
   *     which the output matrix does not feel
   */
  PromptWork(
      PlannedModel model,
      SplitPlan plan,
      ClusterNode decodeNode,
      int promptTokens,
      int cachedTokens) {
    this(
        there(plan, promptTokens, cachedTokens),
        here(model, plan, decodeNode, promptTokens, cachedTokens));
  }

  private static double[] there(SplitPlan plan, int promptTokens, int cachedTokens) {
    ClusterNode node = plan.prefillNode();
    if (node == null) {
      return new double[0];
    }
    double[] seconds =
        chunks(node, plan.boundaryLayer(), plan.chunks(), cachedTokens, promptTokens);
    seconds[0] +=
        Arrays.stream(chunks(node, plan.boundaryLayer(), plan.chunks(), 0, cachedTokens)).sum();
    return seconds;
  }

  private static double[] here(
      PlannedModel model, SplitPlan plan, ClusterNode node, int promptTokens, int cachedTokens) {
    double output = node.outputSeconds();
    int layers = model.layers() - plan.boundaryLayer();
    if (layers == 0) {
      return new double[] {output};
    }
    double[] seconds = chunks(node, layers, plan.chunks(), cachedTokens, promptTokens);
    seconds[seconds.length - 1] += output;
    return seconds;
  }

  /**
   * Seconds from when the prefill node begins until the decode node's share can, so that, alone, it
   * ends when the planner says.
   */
  double hereAfterSeconds(SplitPlan plan, ClusterNode decodeNode, double thereBeginsSeconds) {
    double share =
        Arrays.stream(here).sum() - decodeNode.outputSeconds() + plan.decodeNode().outputSeconds();
    return Math.max(0, plan.prediction().ttftSeconds() - share - thereBeginsSeconds);
  }

  private static double[] chunks(
      ClusterNode node, int layers, ChunkSchedule schedule, int from, int to) {
    int[] tokens = schedule.cut(to - from);
    double[] seconds = new double[tokens.length];
    int depth = from;
    for (int i = 0; i < tokens.length; i++) {
      seconds[i] = layers * node.chunkLayerSeconds(tokens[i], depth);
      depth += tokens[i];
    }
    return seconds;
  }

  /** Seconds after the first token that a plan's decode steps have to wait for KV on its way. */
  static double lateKvSeconds(SplitPlan plan, TraceRequest request) {
    double decode =
        plan.decodeNode().decodeSeconds(request.promptTokens(), 1, request.outputTokens());
    double after = plan.prediction().e2eSeconds() - plan.prediction().ttftSeconds() - decode;
    return plan.isLocal() ? 0 : Math.max(0, after);
  }
}
