package dev.baton.plan;

import java.util.List;

/**
 * How fast one node computes one model: measured by calibration, or made from the device catalog.
 * The same few numbers either way; seconds throughout. Immutable.
 *
 * <ul>
 *   <li>A chunk of n tokens at depth p, over k layers: {@code k * (layer(n) + attention * n * (p +
 *       n/2))}, where layer(n) holds reading the weights and multiplying by them, interpolated
 *       between chunk sizes.
 *   <li>A decode step of a batch whose sequences have c tokens of context together: {@code step +
 *       sequence * batch + context * c}.
 * </ul>
 *
 * @param origin where the numbers are from, one line for people ("measured", "catalog: M3 Ultra")
 * @param chunks points of layer(n), chunk sizes ascending, at least one
 * @param attentionSeconds of one query over one key in one layer, all heads
 * @param outputSeconds of the output matrix and the choice of a token, once after a prefill
 * @param stepSeconds w0: a decode step's seconds whatever its batch
 * @param sequenceSeconds w1: more for each sequence of the batch
 * @param contextSeconds w2: more for each token of context of all sequences together
 * @param prefillError how far off a prefill's prediction usually is, as a share of it (standard
 *     deviation)
 * @param decodeError the same for a decode step
 */
public record SpeedProfile(
    String origin,
    List<ChunkPoint> chunks,
    double attentionSeconds,
    double outputSeconds,
    double stepSeconds,
    double sequenceSeconds,
    double contextSeconds,
    double prefillError,
    double decodeError) {
  /** What one short run leaves of an error, as "baton bench fit" finds. */
  private static final double REFINED_PREFILL_ERROR = 0.55;

  private static final double REFINED_DECODE_ERROR = 0.7;

  /**
   * The time of one chunk size.
   *
   * @param tokens of the chunk, at least 1
   * @param layerSeconds of one layer at depth 0, without attention
   */
  public record ChunkPoint(int tokens, double layerSeconds) {
    public ChunkPoint {
      if (tokens < 1) {
        throw new IllegalArgumentException("a chunk has at least 1 token, got " + tokens);
      }
      requireTime("a layer's time", layerSeconds);
    }
  }

  public SpeedProfile {
    chunks = List.copyOf(chunks);
    if (chunks.isEmpty()) {
      throw new IllegalArgumentException("a profile has a time for at least one chunk size");
    }
    for (int i = 1; i < chunks.size(); i++) {
      if (chunks.get(i).tokens <= chunks.get(i - 1).tokens) {
        throw new IllegalArgumentException("chunk sizes ascend, got " + chunks);
      }
    }
    requireTime("the attention's time", attentionSeconds);
    requireTime("the output's time", outputSeconds);
    requireTime("a step's time", stepSeconds);
    requireTime("a sequence's time", sequenceSeconds);
    requireTime("the context's time", contextSeconds);
    requireTime("the prefill's error", prefillError);
    requireTime("the decode's error", decodeError);
  }

  private static void requireTime(String what, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(what + " is a finite number from 0 on, got " + value);
    }
  }

  /**
   * Seconds of one layer for a chunk.
   *
   * @param tokens of the chunk, at least 1
   * @param depth tokens before the chunk
   */
  public double chunkLayerSeconds(int tokens, int depth) {
    return layerSecondsOf(tokens) + attentionSeconds * tokens * (depth + tokens / 2.0);
  }

  /** Between two measured sizes along the line; past the last one in proportion to it. */
  private double layerSecondsOf(int tokens) {
    ChunkPoint below = chunks.getFirst();
    if (tokens <= below.tokens) {
      return below.layerSeconds;
    }
    for (int i = 1; i < chunks.size(); i++) {
      ChunkPoint above = chunks.get(i);
      if (tokens <= above.tokens) {
        double part = (double) (tokens - below.tokens) / (above.tokens - below.tokens);
        return below.layerSeconds + part * (above.layerSeconds - below.layerSeconds);
      }
      below = above;
    }
    return below.layerSeconds * tokens / below.tokens;
  }

  /**
   * Seconds of one decode step over all layers.
   *
   * @param batch sequences in it
   * @param contextTokens of all of them together
   */
  public double decodeStepSeconds(int batch, long contextTokens) {
    return stepSeconds + sequenceSeconds * batch + contextSeconds * contextTokens;
  }

  /**
   * This profile, scaled so that it says what one short run took: how a node that was just paired
   * gets from the catalog's figures to its own. The run has to be of the very model, and warm.
   *
   * @param layers of the model
   * @param promptTokens prefilled in one chunk from nothing
   * @param promptSeconds that took
   * @param contextTokens of the one sequence of a decode step
   * @param decodeSeconds the step took
   */
  public SpeedProfile refined(
      int layers,
      int promptTokens,
      double promptSeconds,
      long contextTokens,
      double decodeSeconds) {
    double prefill = promptSeconds / (layers * chunkLayerSeconds(promptTokens, 0) + outputSeconds);
    double decode = decodeSeconds / decodeStepSeconds(1, contextTokens);
    if (!(prefill > 0 && decode > 0)) {
      throw new IllegalArgumentException(
          "a run takes time, got " + promptSeconds + " s and " + decodeSeconds + " s");
    }
    return new SpeedProfile(
        origin + ", scaled to a short run",
        chunks.stream().map(c -> new ChunkPoint(c.tokens, prefill * c.layerSeconds)).toList(),
        prefill * attentionSeconds,
        prefill * outputSeconds,
        decode * stepSeconds,
        decode * sequenceSeconds,
        decode * contextSeconds,
        REFINED_PREFILL_ERROR * prefillError,
        REFINED_DECODE_ERROR * decodeError);
  }
}
