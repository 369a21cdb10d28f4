package dev.baton.plan;

import dev.baton.kvstream.ChunkSchedule;
import java.util.Arrays;

/** A prompt's chunks, and what each of them takes on one node, a layer. */
final class ChunkCosts {
  private final double[] layerSeconds;
  private final double sum;
  private final double cachedSeconds;

  private ChunkCosts(double[] layerSeconds, double cachedSeconds) {
    this.layerSeconds = layerSeconds;
    this.sum = Arrays.stream(layerSeconds).sum();
    this.cachedSeconds = cachedSeconds;
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
      SpeedProfile speed,
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
      seconds[last] = correction * speed.chunkLayerSeconds(sum, depth);
      depth += sum;
      i = last + 1;
    }
    return new ChunkCosts(seconds, cached(speed, correction, shape.cachedTokens(), schedule));
  }

  /** What chunks as {@link ChunkSchedule#cut} makes them take on this node, one by one. */
  static ChunkCosts of(
      SpeedProfile speed,
      double correction,
      RequestShape shape,
      ChunkSchedule schedule,
      int[] tokens) {
    double[] seconds = new double[tokens.length];
    int depth = shape.cachedTokens();
    for (int i = 0; i < tokens.length; i++) {
      seconds[i] = correction * speed.chunkLayerSeconds(tokens[i], depth);
      depth += tokens[i];
    }
    return new ChunkCosts(seconds, cached(speed, correction, shape.cachedTokens(), schedule));
  }

  private static double cached(
      SpeedProfile speed, double correction, int tokens, ChunkSchedule schedule) {
    double seconds = 0;
    int depth = 0;
    for (int chunk : schedule.cut(tokens)) {
      seconds += correction * speed.chunkLayerSeconds(chunk, depth);
      depth += chunk;
    }
    return seconds;
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

  /** Seconds of one layer for the prompt's cached part, on a node that does not have it. */
  double cachedSeconds() {
    return cachedSeconds;
  }
}
