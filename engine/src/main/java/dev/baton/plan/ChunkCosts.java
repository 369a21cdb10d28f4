package dev.baton.plan;

import dev.baton.kvstream.ChunkSchedule;
import java.util.Arrays;

/** A prompt's chunks, and what each of them takes on one node, a layer. */
final class ChunkCosts {
  private final double[] layerSeconds;
  private final double sum;
  private final HeldPrefix held;
  private final double[] againSeconds; // behind each part of what is held, and behind nothing

  private ChunkCosts(double[] layerSeconds, HeldPrefix held, double[] againSeconds) {
    this.layerSeconds = layerSeconds;
    this.sum = Arrays.stream(layerSeconds).sum();
    this.held = held;
    this.againSeconds = againSeconds;
  }

  /**
   * What the same chunks take when ever more of them are taken together: 1, 2, 3, ... as they pile
   * up before a node that is slower than their arrival. Whatever is taken together waits for its
   * last chunk, so the others take no time.
   *
   * @param correction of the node's times
   * @param largestTokens of what is taken together
   */
  static ChunkCosts together(
      ClusterNode node,
      double correction,
      RequestShape shape,
      ChunkSchedule schedule,
      int[] tokens,
      int largestTokens) {
    double[] seconds = new double[tokens.length];
    int depth = shape.cachedTokens();
    int count = 1;
    for (int i = 0; i < tokens.length; count++) {
      int sum = tokens[i];
      int last = i;
      while (last + 1 < tokens.length
          && last + 1 < i + count
          && sum + tokens[last + 1] <= largestTokens) {
        sum += tokens[++last];
      }
      seconds[last] = correction * node.speed().chunkLayerSeconds(sum, depth);
      depth += sum;
      i = last + 1;
    }
    return new ChunkCosts(seconds, node.held(), again(node, correction, shape, schedule));
  }

  /** What chunks as {@link ChunkSchedule#cut} makes them take on this node, one by one. */
  static ChunkCosts of(
      ClusterNode node,
      double correction,
      RequestShape shape,
      ChunkSchedule schedule,
      int[] tokens) {
    return behind(shape.cachedTokens(), node, correction, shape, schedule, tokens);
  }

  /**
   * The same where the node computes all {@code layers} of them for another: what it holds already
   * takes no time, since no rows of it are wanted.
   */
  static ChunkCosts ordered(
      ClusterNode node, int layers, RequestShape shape, ChunkSchedule schedule, int[] tokens) {
    int held = Math.min(node.held().tokens(layers), shape.promptTokens() - 1);
    return behind(held, node, node.correction().prefill(), shape, schedule, tokens);
  }

  private static ChunkCosts behind(
      int held,
      ClusterNode node,
      double correction,
      RequestShape shape,
      ChunkSchedule schedule,
      int[] tokens) {
    double[] seconds = new double[tokens.length];
    int end = shape.cachedTokens();
    for (int i = 0; i < tokens.length; i++) {
      int from = Math.max(held, end);
      end += tokens[i];
      seconds[i] = from < end ? correction * node.speed().chunkLayerSeconds(end - from, from) : 0;
    }
    return new ChunkCosts(seconds, node.held(), again(node, correction, shape, schedule));
  }

  private static double[] again(
      ClusterNode node, double correction, RequestShape shape, ChunkSchedule schedule) {
    int parts = node.held().parts().size();
    double[] again = new double[parts + 1];
    for (int i = 0; i <= parts; i++) {
      int depth = i < parts ? node.held().parts().get(i).tokens() : 0;
      for (int chunk : schedule.cut(Math.max(0, shape.cachedTokens() - depth))) {
        again[i] += correction * node.speed().chunkLayerSeconds(chunk, depth);
        depth += chunk;
      }
    }
    return again;
  }

  int count() {
    return layerSeconds.length;
  }

  /** Seconds of one layer for chunk {@code i}. */
  double layerSeconds(int i) {
    return layerSeconds[i];
  }

  /** Seconds of one layer for all chunks. */
  double sum() {
    return sum;
  }

  /**
   * Seconds of one layer for what the decode node has of the prompt and this node does not hold in
   * the layers [0, boundary): it goes through these again.
   */
  double againSeconds(int boundary) {
    for (int i = 0; i < againSeconds.length - 1; i++) {
      if (held.parts().get(i).layers() >= boundary) {
        return againSeconds[i];
      }
    }
    return againSeconds[againSeconds.length - 1];
  }
}
