package dev.baton.model;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufMetadata;
import dev.baton.gguf.GgufTensor;

/**
 * Reads a {@link ModelConfig} from the keys of architecture {@code llama}, refusing what would
 * change the answer and is not run here. Source: the GGUF specification, section "LLM", and the
 * defaults that llama.cpp gives absent keys.
 */
final class LlamaMetadata {
  private static final String PREFIX = "llama.";
  private static final double DEFAULT_ROPE_BASE = 10_000;

  private final GgufFile file;
  private final GgufMetadata metadata;

  LlamaMetadata(GgufFile file) {
    this.file = file;
    this.metadata = file.metadata();
  }

  ModelConfig config() {
    ModelKind.requireRunnable(file.path(), metadata);
    int layers = size("block_count");
    int dim = size("embedding_length");
    int heads = uniform("attention.head_count", layers);
    int kvHeads =
        has("attention.head_count_kv") ? uniform("attention.head_count_kv", layers) : heads;
    int headDim = headDim(dim, heads);
    try {
      return new ModelConfig(
          layers,
          dim,
          uniform("feed_forward_length", layers),
          heads,
          kvHeads,
          headDim,
          vocab(),
          size("context_length"),
          (float) metadata.real(PREFIX + "attention.layer_norm_rms_epsilon"),
          metadata.real(PREFIX + "rope.freq_base", DEFAULT_ROPE_BASE),
          has("rope.dimension_count") ? size("rope.dimension_count") : headDim,
          ropeScale());
    } catch (IllegalArgumentException e) {
      throw new ModelException(
          file.path() + ": " + e.getMessage() + "; convert the model again or take another", e);
    }
  }

  private int headDim(int dim, int heads) {
    if (!has("attention.key_length") && (heads < 1 || dim % heads != 0)) {
      throw refused("embedding_length " + dim + " is no multiple of attention.head_count " + heads);
    }
    int keys = has("attention.key_length") ? size("attention.key_length") : dim / heads;
    int values = has("attention.value_length") ? size("attention.value_length") : keys;
    if (keys != values) {
      throw refused(
          "attention.value_length "
              + values
              + " differs from attention.key_length "
              + keys
              + ", which this version does not run");
    }
    return keys;
  }

  private int vocab() {
    if (metadata.has("tokenizer.ggml.tokens")) {
      return metadata.arrayLength("tokenizer.ggml.tokens");
    }
    if (has("vocab_size")) {
      return size("vocab_size");
    }
    GgufTensor embedding = file.tensor("token_embd.weight");
    return (int) Math.min(embedding.rows(), Integer.MAX_VALUE);
  }

  /**
   * A missing type means linear, and a factor of 0 means none: so llama.cpp reads models from
   * before the type key.
   */
  private double ropeScale() {
    String type = metadata.string(PREFIX + "rope.scaling.type", "linear");
    if (metadata.real(PREFIX + "rope.scaling.attn_factor", 1) != 1) {
      throw refused("RoPE scaling with rope.scaling.attn_factor is not run by this version");
    }
    if (type.equals("none")) {
      return 1;
    }
    if (!type.equals("linear")) {
      throw refused(
          "RoPE scaling "
              + quoted(type)
              + " is not run by this version, which runs none, linear and Llama 3's factors");
    }
    double factor =
        metadata.real(
            PREFIX + "rope.scaling.factor", metadata.real(PREFIX + "rope.scale_linear", 0));
    return factor == 0 ? 1 : factor;
  }

  /** A size that may be given for each layer, if it is the same for all. */
  private int uniform(String key, int layers) {
    if (!metadata.isArray(PREFIX + key)) {
      return size(key);
    }
    int[] sizes = metadata.ints(PREFIX + key);
    if (sizes.length == 0 || sizes.length != layers) {
      throw refused(
          key + " has " + sizes.length + " entries for " + layers + " layers (block_count)");
    }
    for (int size : sizes) {
      if (size != sizes[0]) {
        throw refused(key + " differs from layer to layer, which this version does not run");
      }
    }
    return sizes[0];
  }

  private int size(String key) {
    long value = metadata.integer(PREFIX + key);
    if (value < 1 || value > Integer.MAX_VALUE) {
      throw refused(key + " is " + value + ", wanted a positive 32-bit number");
    }
    return (int) value;
  }

  private boolean has(String key) {
    return metadata.has(PREFIX + key);
  }

  private ModelException refused(String problem) {
    return new ModelException(file.path() + ": " + problem + "; take another model");
  }
}
