package dev.baton.model;

import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufWriter;
import dev.baton.gguf.RandomBlocks;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A seeded random llama model as a GGUF file, for tests of everything that runs models: any shape,
 * any tensor types. Its activations stay within a few units, its logits differ clearly, its text is
 * noise. It has no tokenizer.
 *
 * @param config the shape; {@code ropeScale} other than 1 is written as linear scaling
 * @param types the type of each weight matrix by tensor name, whose rows must be whole blocks of
 *     it; norms are F32
 * @param tied whether the embedding serves as the output matrix
 * @param ropeFactors Llama 3's RoPE factors, or null for none
 */
public record RandomModel(
    ModelConfig config,
    Function<String, GgmlType> types,
    boolean tied,
    float @Nullable [] ropeFactors,
    long seed) {

  /** All matrices of one type, no RoPE factors. */
  public static RandomModel of(ModelConfig config, GgmlType type, boolean tied, long seed) {
    return new RandomModel(config, _ -> type, tied, null, seed);
  }

  /** A shape small enough for any test: rows are whole blocks of every type. */
  public static ModelConfig tinyShape() {
    return new ModelConfig(2, 256, 512, 4, 2, 64, 96, 512, 1e-5f, 10_000, 64, 1);
  }

  /** Writes the model, replacing what stands at {@code path}, and returns {@code path}. */
  public Path write(Path path) {
    GgufWriter writer = metadata();
    SplittableRandom random = new SplittableRandom(seed);
    // Embeddings of unit size; the other matrices keep the size of what they multiply.
    matrix(writer, "token_embd.weight", config.dim(), config.vocab(), 1, random);
    for (int layer = 0; layer < config.layers(); layer++) {
      layer(writer, "blk." + layer + ".", random);
    }
    norm(writer, "output_norm.weight", random);
    if (!tied) {
      matrix(
          writer,
          "output.weight",
          config.dim(),
          config.vocab(),
          3 / Math.sqrt(config.dim()),
          random);
    }
    if (ropeFactors != null) {
      writer.tensor(
          "rope_freqs.weight",
          GgmlType.F32,
          new long[] {ropeFactors.length},
          MemorySegment.ofArray(ropeFactors));
    }
    try {
      writer.write(path);
      return path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private GgufWriter metadata() {
    GgufWriter writer =
        new GgufWriter()
            .string("general.architecture", "llama")
            .string("general.name", "Random " + seed)
            .integer("llama.block_count", config.layers())
            .integer("llama.embedding_length", config.dim())
            .integer("llama.feed_forward_length", config.ffn())
            .integer("llama.attention.head_count", config.heads())
            .integer("llama.attention.head_count_kv", config.kvHeads())
            .integer("llama.attention.key_length", config.headDim())
            .integer("llama.attention.value_length", config.headDim())
            .integer("llama.vocab_size", config.vocab())
            .integer("llama.context_length", config.contextLength())
            .real("llama.attention.layer_norm_rms_epsilon", config.rmsEps())
            .real("llama.rope.freq_base", (float) config.ropeBase())
            .integer("llama.rope.dimension_count", config.ropeDim());
    if (config.ropeScale() != 1) {
      writer.string("llama.rope.scaling.type", "linear");
      writer.real("llama.rope.scaling.factor", (float) config.ropeScale());
    }
    return writer;
  }

  private void layer(GgufWriter writer, String prefix, SplittableRandom random) {
    int dim = config.dim();
    int queries = config.heads() * config.headDim();
    int keys = config.kvHeads() * config.headDim();
    norm(writer, prefix + "attn_norm.weight", random);
    // Queries and keys a little larger, so that attention prefers some keys to others.
    matrix(writer, prefix + "attn_q.weight", dim, queries, 1.5 / Math.sqrt(dim), random);
    matrix(writer, prefix + "attn_k.weight", dim, keys, 1.5 / Math.sqrt(dim), random);
    matrix(writer, prefix + "attn_v.weight", dim, keys, 1 / Math.sqrt(dim), random);
    matrix(writer, prefix + "attn_output.weight", queries, dim, 1 / Math.sqrt(queries), random);
    norm(writer, prefix + "ffn_norm.weight", random);
    matrix(writer, prefix + "ffn_gate.weight", dim, config.ffn(), 1 / Math.sqrt(dim), random);
    matrix(writer, prefix + "ffn_up.weight", dim, config.ffn(), 1 / Math.sqrt(dim), random);
    matrix(
        writer, prefix + "ffn_down.weight", config.ffn(), dim, 1 / Math.sqrt(config.ffn()), random);
  }

  private void norm(GgufWriter writer, String name, SplittableRandom random) {
    float[] weights = new float[config.dim()];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) (1 + 0.1 * random.nextGaussian());
    }
    writer.tensor(name, GgmlType.F32, new long[] {weights.length}, MemorySegment.ofArray(weights));
  }

  private void matrix(
      GgufWriter writer,
      String name,
      int cols,
      int rows,
      double deviation,
      SplittableRandom random) {
    GgmlType type = types.apply(name);
    MemorySegment bytes = RandomBlocks.of(type, (long) rows * cols, deviation, random);
    writer.tensor(name, type, new long[] {cols, rows}, bytes);
  }
}
