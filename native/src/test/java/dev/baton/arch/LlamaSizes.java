package dev.baton.arch;

import java.util.Collections;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of a model of the llama family whose layers are alike, in one line each test.
 *
 * @param ropeStretch other than 1 is written as linear scaling
 */
public record LlamaSizes(
    int layers,
    int dim,
    int ffn,
    int heads,
    int kvHeads,
    int headDim,
    int vocab,
    int context,
    float rmsEps,
    double ropeBase,
    int ropeDim,
    double ropeStretch) {
  /**
   * The shape that has them.
   *
   * @param hasFactors whether the model has RoPE factors
   */
  public ModelShape shape(boolean tied, boolean hasFactors) {
    @Nullable Weight factors =
        hasFactors ? Weight.vector(TensorNames.ROPE_FACTORS, ropeDim / 2) : null;
    Rope rope = new Rope(Rope.Pairing.NEIGHBOURS, ropeDim, ropeBase, ropeStretch, factors);
    Norm norm = new Norm(rmsEps);
    Block block =
        new Block(
            norm,
            new Attention(heads, kvHeads, headDim, rope),
            norm,
            new Ffn.Dense(ffn, Ffn.Activation.SWIGLU));
    return new ModelShape(
        "llama", dim, vocab, context, Collections.nCopies(layers, block), norm, tied);
  }
}
