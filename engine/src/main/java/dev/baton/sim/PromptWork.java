package dev.baton.sim;

import dev.baton.kvstream.ChunkSchedule;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SplitPlan;
import java.util.Arrays;

/**
 * The work that a plan gives its nodes, by the same profiles that it was predicted with.
 *
 * @param there chunks at the prefill node, a prefix that only the decode node has in the first;
 *     none without a prefill node
 * @param here chunks at the decode node, the output matrix in the last
 */
record PromptWork(Chunks there, Chunks here) {
  /**
   * A prompt cut in chunks, through some of the layers.
   *
   * @param tokens of each
   * @param seconds that each is predicted to take
   * @param depth tokens before the first
   * @param share the part of all layers, 0..1
   */
  record Chunks(int[] tokens, double[] seconds, int depth, double share) {
    private static final Chunks NONE = new Chunks(new int[0], new double[0], 0, 1);

    double allSeconds() {
      return Arrays.stream(seconds).sum();
    }
  }

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
        there(model, plan, promptTokens, cachedTokens),
        here(model, plan, decodeNode, promptTokens, cachedTokens));
  }

  private static Chunks there(
      PlannedModel model, SplitPlan plan, int promptTokens, int cachedTokens) {
    ClusterNode node = plan.prefillNode();
    if (node == null) {
      return Chunks.NONE;
    }
    int layers = plan.boundaryLayer();
    Chunks chunks = chunks(node, model, layers, plan.chunks(), cachedTokens, promptTokens);
    chunks.seconds[0] += chunks(node, model, layers, plan.chunks(), 0, cachedTokens).allSeconds();
    return chunks;
  }

  private static Chunks here(
      PlannedModel model, SplitPlan plan, ClusterNode node, int promptTokens, int cachedTokens) {
    double output = node.outputSeconds();
    int layers = model.layers() - plan.boundaryLayer();
    if (layers == 0) {
      return new Chunks(new int[] {1}, new double[] {output}, promptTokens - 1, 1);
    }
    Chunks chunks = chunks(node, model, layers, plan.chunks(), cachedTokens, promptTokens);
    chunks.seconds[chunks.seconds.length - 1] += output;
    return chunks;
  }

  /**
   * Seconds from when the prefill node begins until the decode node's share can, so that, alone, it
   * ends when the planner says.
   */
  double hereAfterSeconds(SplitPlan plan, ClusterNode decodeNode, double thereBeginsSeconds) {
    double share =
        here.allSeconds() - decodeNode.outputSeconds() + plan.decodeNode().outputSeconds();
    return Math.max(0, plan.prediction().ttftSeconds() - share - thereBeginsSeconds);
  }

  private static Chunks chunks(
      ClusterNode node, PlannedModel model, int layers, ChunkSchedule schedule, int from, int to) {
    int[] tokens = schedule.cut(to - from);
    double[] seconds = new double[tokens.length];
    int depth = from;
    for (int i = 0; i < tokens.length; i++) {
      seconds[i] = layers * node.chunkLayerSeconds(tokens[i], depth);
      depth += tokens[i];
    }
    return new Chunks(tokens, seconds, from, (double) layers / model.layers());
  }

  /** Seconds after the first token that a plan's decode steps have to wait for KV on its way. */
  static double lateKvSeconds(SplitPlan plan, TraceRequest request) {
    double decode =
        plan.decodeNode().decodeSeconds(request.promptTokens(), 1, request.outputTokens());
    double after = plan.prediction().e2eSeconds() - plan.prediction().ttftSeconds() - decode;
    return plan.isLocal() ? 0 : Math.max(0, after);
  }
}
