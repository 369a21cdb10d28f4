package dev.baton.arch.family;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.arch.Attention;
import dev.baton.arch.Block;
import dev.baton.arch.Ffn;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Norm;
import dev.baton.arch.Rope;
import dev.baton.arch.TensorNames;
import dev.baton.arch.Weight;
import java.util.Collections;
import org.jspecify.annotations.Nullable;

/**
 * Llama and all that is converted to its architecture: TinyLlama, SmolLM2, Mistral 7B. Source: the
 * GGUF specification, section "LLM", the defaults that llama.cpp gives absent keys; Touvron et al.,
 * "Llama 2" (2023).
 */
final class Llama implements Family {
  private static final double DEFAULT_ROPE_BASE = 10_000;

  @Override
  public String architecture() {
    return "llama";
  }

  @Override
  public void requireRun(Keys keys) {
    if (keys.integer("expert_count", 0) > 0) {
      throw keys.refused("mixture-of-experts models (expert_count) are not run by this version");
    }
    if (!keys.bool("attention.causal", true)) {
      throw keys.refused(
          "models without causal attention (attention.causal) are not run: they do not generate"
              + " text");
    }
  }

  @Override
  public ModelShape shape(Keys keys) {
    int layers = keys.size("block_count");
    int dim = keys.size("embedding_length");
    int heads = keys.uniform("attention.head_count", layers);
    int kvHeads =
        keys.has("attention.head_count_kv")
            ? keys.uniform("attention.head_count_kv", layers)
            : heads;
    int headDim = headDim(keys, dim, heads);
    int width = keys.uniform("feed_forward_length", layers);
    int vocab = keys.vocab();
    int context = keys.size("context_length");
    Norm norm = new Norm((float) keys.real("attention.layer_norm_rms_epsilon"));
    Attention attention = new Attention(heads, kvHeads, headDim, rope(keys, headDim));
    Block block = new Block(norm, attention, norm, new Ffn.Dense(width, Ffn.Activation.SWIGLU));
    return new ModelShape(
        architecture(),
        dim,
        vocab,
        context,
        Collections.nCopies(layers, block),
        norm,
        !keys.hasTensor(TensorNames.OUTPUT));
  }

  private static int headDim(Keys keys, int dim, int heads) {
    if (!keys.has("attention.key_length") && (heads < 1 || dim % heads != 0)) {
      throw keys.refused(
          "embedding_length " + dim + " is no multiple of attention.head_count " + heads);
    }
    int keyWidth =
        keys.has("attention.key_length") ? keys.size("attention.key_length") : dim / heads;
    int valueWidth = keys.size("attention.value_length", keyWidth);
    if (keyWidth != valueWidth) {
      throw keys.refused(
          "attention.value_length "
              + valueWidth
              + " differs from attention.key_length "
              + keyWidth
              + ", which this version does not run");
    }
    return keyWidth;
  }

  private static Rope rope(Keys keys, int headDim) {
    int dims = keys.size("rope.dimension_count", headDim);
    @Nullable Weight factors =
        keys.hasTensor(TensorNames.ROPE_FACTORS)
            ? Weight.vector(TensorNames.ROPE_FACTORS, dims / 2)
            : null;
    return new Rope(
        Rope.Pairing.NEIGHBOURS,
        dims,
        keys.real("rope.freq_base", DEFAULT_ROPE_BASE),
        stretch(keys),
        factors);
  }

  /**
   * A missing type means linear, and a factor of 0 means none: so llama.cpp reads models from
   * before the type key.
   */
  private static double stretch(Keys keys) {
    String type = keys.string("rope.scaling.type", "linear");
    if (keys.real("rope.scaling.attn_factor", 1) != 1) {
      throw keys.refused("RoPE scaling with rope.scaling.attn_factor is not run by this version");
    }
    if (type.equals("none")) {
      return 1;
    }
    if (!type.equals("linear")) {
      throw keys.refused(
          "RoPE scaling "
              + quoted(type)
              + " is not run by this version, which runs none, linear and Llama 3's factors");
    }
    double factor = keys.real("rope.scaling.factor", keys.real("rope.scale_linear", 0));
    return factor == 0 ? 1 : factor;
  }
}
