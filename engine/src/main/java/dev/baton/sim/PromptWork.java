package dev.baton.sim;

import dev.baton.kvstream.ChunkSchedule;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SpeedProfile;
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
    double output = outputSeconds(node);
    int layers = model.layers() - plan.boundaryLayer();
    if (layers == 0) {
      return new double[] {output};
    }
    double[] seconds = chunks(node, layers, plan.chunks(), cachedTokens, promptTokens);
    seconds[seconds.length - 1] += output;
    return seconds;
  }

  private static double outputSeconds(ClusterNode node) {
    return node.decodeCorrection() * node.speed().outputSeconds();
  }

  /**
   * Seconds from when the prefill node begins until the decode node's share can, so that, alone, it
   * ends when the planner says.
   */
  double hereAfterSeconds(SplitPlan plan, ClusterNode decodeNode, double thereBeginsSeconds) {
    double share =
        Arrays.stream(here).sum() - outputSeconds(decodeNode) + outputSeconds(plan.decodeNode());
    return Math.max(0, plan.prediction().ttftSeconds() - share - thereBeginsSeconds);
  }

  private static double[] chunks(
      ClusterNode node, int layers, ChunkSchedule schedule, int from, int to) {
    double[] seconds = new double[8];
    int count = 0;
    for (int depth = from; depth < to; count++) {
      if (count == seconds.length) {
        seconds = Arrays.copyOf(seconds, 2 * count);
      }
      int tokens = schedule.next(to - depth);
      seconds[count] =
          layers * node.prefillCorrection() * node.speed().chunkLayerSeconds(tokens, depth);
      depth += tokens;
    }
    return Arrays.copyOf(seconds, count);
  }

  /** Seconds after the first token that a plan's decode steps have to wait for KV on its way. */
  static double lateKvSeconds(SplitPlan plan, TraceRequest request) {
    ClusterNode node = plan.decodeNode();
    SpeedProfile speed = node.speed();
    int steps = request.outputTokens() - 1;
    double middle = request.promptTokens() + 1 + (steps - 1) / 2.0;
    double step = speed.stepSeconds() + speed.sequenceSeconds() + speed.contextSeconds() * middle;
    double decode = node.decodeCorrection() * steps * step;
    double after = plan.prediction().e2eSeconds() - plan.prediction().ttftSeconds() - decode;
    return plan.isLocal() ? 0 : Math.max(0, after);
  }
}
