package dev.baton.arch;

/**
 * Causal attention with grouped queries: query head h reads K and V of head {@code h / (heads /
 * kvHeads)}. Source: Ainslie et al., "GQA" (2023).
 *
 * @param heads query heads
 * @param kvHeads K and V heads, a divisor of {@code heads}
 * @param headDim values of one head of Q, K and V
 * @param rope how Q and K are turned
 */
public record Attention(int heads, int kvHeads, int headDim, Rope rope) implements Mixer {
  /** The widest head that is run. */
  public static final int MOST_HEAD_DIM = 256;

  public Attention {
    Limits.within("attention.head_count", heads, Limits.HEADS);
    Limits.within("attention.head_count_kv", kvHeads, Limits.HEADS);
    Limits.within("attention.key_length", headDim, Limits.HEAD_DIM);
    Limits.within("attention.head_count * attention.key_length", heads * headDim, Limits.WIDTH);
    Limits.require(
        heads % kvHeads == 0,
        "attention.head_count " + heads + " is no multiple of head_count_kv " + kvHeads);
    Limits.require(
        headDim <= MOST_HEAD_DIM,
        "attention heads of "
            + headDim
            + " values (attention.key_length) are wider than this version runs, which is up to "
            + MOST_HEAD_DIM);
    Limits.require(headDim % 2 == 0, "attention.key_length " + headDim + " is odd");
    Limits.require(
        rope.dims() % 2 == 0 && rope.dims() <= headDim,
        "rope.dimension_count "
            + rope.dims()
            + " is no even number from 2 to the head's "
            + headDim);
  }

  /** What scores are multiplied by. */
  public float scale() {
    return (float) (1.0 / StrictMath.sqrt(headDim));
  }

  @Override
  public int width() {
    return heads * headDim;
  }

  /** Values of a token's K, or V. */
  public int kvWidth() {
    return kvHeads * headDim;
  }
}
