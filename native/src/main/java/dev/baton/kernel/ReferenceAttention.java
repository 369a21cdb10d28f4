package dev.baton.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The attention of the contract, one (query, head) after the other, tile by tile with an online
 * softmax. Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018).
 * Holds scratch: one thread at a time.
 */
final class ReferenceAttention {
  private static final int TILE = KvGeometry.BLOCK_TOKENS;
  static final int LANES = 16;

  private final float[] scores = new float[TILE];
  private final float[] lanes = new float[LANES];
  private float[] query = new float[0];
  private float[] output = new float[0];
  private float max;

  /**
   * One query row of one head over keys [0, position].
   *
   * @param at index of the row's first float in {@code q} and in {@code out}
   */
  void attend(
      KvView kv,
      int layer,
      int kvHead,
      MemorySegment q,
      MemorySegment out,
      long at,
      float scale,
      int position) {
    int dim = kv.geometry().headDim();
    if (query.length != dim) {
      query = new float[dim];
      output = new float[dim];
    }
    MemorySegment.copy(q, ValueLayout.JAVA_FLOAT, at * Float.BYTES, query, 0, dim);
    Arrays.fill(output, 0f);
    Arrays.fill(lanes, 0f);
    max = Float.NEGATIVE_INFINITY;
    for (int first = 0; first <= position; first += TILE) {
      tile(kv, layer, kvHead, first, Math.min(TILE, position + 1 - first), scale);
    }
    float inverse = 1f / foldLanes(lanes);
    for (int d = 0; d < dim; d++) {
      out.setAtIndex(ValueLayout.JAVA_FLOAT, at + d, output[d] * inverse + 0f);
    }
  }

  /**
   * Takes in the first {@code keys} keys of the tile that starts at position {@code first}; the
   * rest is masked.
   */
  private void tile(KvView kv, int layer, int kvHead, int first, int keys, float scale) {
    long keyPlane = ReferenceKv.keyPlane(kv, layer, kvHead, first);
    scores(kv, keyPlane, keys, scale);
    float newMax = max;
    for (int j = 0; j < keys; j++) {
      newMax = Math.max(newMax, scores[j]);
    }
    float rescale = Numerics.exp(max - newMax);
    max = newMax;
    for (int j = 0; j < keys; j++) {
      scores[j] = Numerics.exp(scores[j] - newMax);
    }
    Arrays.fill(scores, keys, TILE, 0f);
    for (int i = 0; i < LANES; i++) {
      float sum = (scores[i] + scores[i + 16]) + (scores[i + 32] + scores[i + 48]);
      lanes[i] = Math.fma(lanes[i], rescale, sum);
    }
    addValues(kv, keyPlane + kv.geometry().planeBytes(), keys, rescale);
  }

  private void scores(KvView kv, long keyPlane, int keys, float scale) {
    Arrays.fill(scores, 0f);
    for (int d = 0; d < query.length; d++) {
      long row = keyPlane + (long) d * TILE * Short.BYTES;
      for (int j = 0; j < keys; j++) {
        float key = Numerics.fromF16(kv.pool().get(ValueLayout.JAVA_SHORT, row + 2L * j));
        scores[j] = Math.fma(query[d], key, scores[j]);
      }
    }
    for (int j = 0; j < keys; j++) {
      scores[j] *= scale;
    }
  }

  private void addValues(KvView kv, long valuePlane, int keys, float rescale) {
    for (int d = 0; d < output.length; d++) {
      output[d] *= rescale;
    }
    for (int j = 0; j < keys; j++) {
      long row = valuePlane + (long) j * output.length * Short.BYTES;
      for (int d = 0; d < output.length; d++) {
        float value = Numerics.fromF16(kv.pool().get(ValueLayout.JAVA_SHORT, row + 2L * d));
        output[d] = Math.fma(scores[j], value, output[d]);
      }
    }
  }

  /** Sums 16 lanes in the contract's order; leaves them changed. */
  static float foldLanes(float[] lanes) {
    for (int width = LANES / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        lanes[i] += lanes[i + width];
      }
    }
    return lanes[0];
  }
}
