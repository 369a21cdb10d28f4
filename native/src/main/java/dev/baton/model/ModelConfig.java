package dev.baton.model;

import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.kernel.Kernels;
import org.jspecify.annotations.Nullable;

/**
 * The shape of a model of the llama architecture: what its GGUF metadata says, checked.
 *
 * @param layers transformer blocks
 * @param dim width of the residual stream
 * @param ffn inner width of the feed-forward part
 * @param heads query heads
 * @param kvHeads K and V heads, a divisor of {@code heads}
 * @param headDim elements of one head of Q, K and V, an even number up to {@link
 *     Kernels#MAX_HEAD_DIM}
 * @param vocab tokens, rows of the output matrix
 * @param contextLength positions the model was made for
 * @param rmsEps epsilon of RMSNorm
 * @param ropeBase base of the RoPE frequencies
 * @param ropeDim elements of a head that RoPE turns, an even number up to {@code headDim}
 * @param ropeScale linear stretch of positions, 1 for none
 */
public record ModelConfig(
    int layers,
    int dim,
    int ffn,
    int heads,
    int kvHeads,
    int headDim,
    int vocab,
    int contextLength,
    float rmsEps,
    double ropeBase,
    int ropeDim,
    double ropeScale) {
  private static final int MAX_LAYERS = 1 << 10;
  private static final int MAX_DIM = 1 << 16;
  private static final int MAX_FFN = 1 << 20;
  private static final int MAX_HEADS = 1 << 12;
  private static final int MAX_HEAD_DIM = 1 << 12;
  private static final int MAX_VOCAB = 1 << 22;
  private static final int MAX_CONTEXT = 1 << 24;

  /**
   * @throws IllegalArgumentException naming the component that is out of its range or does not fit
   *     another
   */
  public ModelConfig {
    within("block_count", layers, MAX_LAYERS);
    within("embedding_length", dim, MAX_DIM);
    within("feed_forward_length", ffn, MAX_FFN);
    within("attention.head_count", heads, MAX_HEADS);
    within("attention.head_count_kv", kvHeads, MAX_HEADS);
    within("attention.key_length", headDim, MAX_HEAD_DIM);
    within("vocabulary size", vocab, MAX_VOCAB);
    within("context_length", contextLength, MAX_CONTEXT);
    within("attention.head_count * attention.key_length", heads * headDim, MAX_FFN);
    require(
        heads % kvHeads == 0,
        "attention.head_count " + heads + " is no multiple of head_count_kv " + kvHeads);
    require(
        headDim <= Kernels.MAX_HEAD_DIM,
        "attention heads of "
            + headDim
            + " values (attention.key_length) are wider than this version runs, which is up to "
            + Kernels.MAX_HEAD_DIM);
    require(headDim % 2 == 0, "attention.key_length " + headDim + " is odd");
    require(
        ropeDim >= 2 && ropeDim % 2 == 0 && ropeDim <= headDim,
        "rope.dimension_count " + ropeDim + " is no even number from 2 to the head's " + headDim);
    require(
        rmsEps > 0 && rmsEps < 1,
        "attention.layer_norm_rms_epsilon " + rmsEps + " is not between 0 and 1");
    require(
        ropeBase >= 1 && ropeBase <= 1e15,
        "rope.freq_base " + ropeBase + " is not between 1 and 1e15");
    require(
        ropeScale > 0 && ropeScale <= 1e6,
        "rope.scaling.factor " + ropeScale + " is not between 0 and 1e6");
  }

  private static void within(String what, int value, int max) {
    require(value >= 1 && value <= max, what + " " + value + " is not between 1 and " + max);
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }

  /**
   * Reads the shape from a GGUF file's metadata; its tensors are looked at only where no key tells
   * the vocabulary's size.
   *
   * @throws ModelException if this version does not run such a model
   * @throws GgufException if a key is missing or of the wrong type
   */
  public static ModelConfig from(GgufFile file) {
    return new LlamaMetadata(file).config();
  }

  /**
   * Checks that {@code file} holds every tensor that the forward pass needs, in the shape that
   * {@code config} asks for, and none that it would have to leave out.
   *
   * @throws ModelException naming the tensor, what was wanted and what was found
   */
  public static void checkTensors(GgufFile file, ModelConfig config) {
    LlamaTensors.check(file, config);
  }

  /**
   * RoPE frequencies, radians a position for each of the {@code ropeDim / 2} pairs: {@code
   * base^(-2i / ropeDim) / factor_i / ropeScale}. From {@link StrictMath}, so the same bits on
   * every machine.
   *
   * @param factors the elements of tensor {@code rope_freqs.weight} (Llama 3's long-context
   *     factors), or null for none
   * @throws ModelException if there are not {@code ropeDim / 2} positive factors
   */
  public double[] ropeFrequencies(float @Nullable [] factors) {
    int pairs = ropeDim / 2;
    if (factors != null && factors.length != pairs) {
      throw new ModelException(
          "rope_freqs.weight has "
              + factors.length
              + " factors, the model needs "
              + pairs
              + "; convert it again");
    }
    double[] frequencies = new double[pairs];
    for (int i = 0; i < pairs; i++) {
      float factor = factors == null ? 1 : factors[i];
      if (!(factor > 0 && factor < Float.POSITIVE_INFINITY)) {
        throw new ModelException(
            "rope_freqs.weight: factor "
                + i
                + " is "
                + factor
                + ", wanted a positive number; convert the model again");
      }
      frequencies[i] = StrictMath.pow(ropeBase, -2.0 * i / ropeDim) / factor / ropeScale;
    }
    return frequencies;
  }
}
