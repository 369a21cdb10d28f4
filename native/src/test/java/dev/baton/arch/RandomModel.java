package dev.baton.arch;

import dev.baton.arch.TensorNames.Role;
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
 * @param sizes of the model
 * @param types the type of each weight matrix by tensor name, whose rows must be whole blocks of
 *     it; norms are F32
 * @param tied whether the embedding serves as the output matrix
 * @param ropeFactors Llama 3's RoPE factors, or null for none
 */
public record RandomModel(
    LlamaSizes sizes,
    Function<String, GgmlType> types,
    boolean tied,
    float @Nullable [] ropeFactors,
    long seed) {

  /** All matrices of one type, no RoPE factors. */
  public static RandomModel of(LlamaSizes sizes, GgmlType type, boolean tied, long seed) {
    return new RandomModel(sizes, _ -> type, tied, null, seed);
  }

  /** What of it is to be found in the file. */
  public ModelShape shape() {
    return sizes.shape(tied, ropeFactors != null);
  }

  /** A shape small enough for any test: rows are whole blocks of every type. */
  public static LlamaSizes tinyShape() {
    return new LlamaSizes(2, 256, 512, 4, 2, 64, 96, 512, 1e-5f, 10_000, 64, 1);
  }

  /** Writes the model, replacing what stands at {@code path}, and returns {@code path}. */
  public Path write(Path path) {
    GgufWriter writer = metadata();
    SplittableRandom random = new SplittableRandom(seed);
    // Embeddings of unit size; the other matrices keep the size of what they multiply.
    matrix(writer, TensorNames.EMBEDDING, sizes.dim(), sizes.vocab(), 1, random);
    for (int layer = 0; layer < sizes.layers(); layer++) {
      layer(writer, layer, random);
    }
    norm(writer, TensorNames.OUTPUT_NORM, random);
    if (!tied) {
      matrix(
          writer,
          TensorNames.OUTPUT,
          sizes.dim(),
          sizes.vocab(),
          3 / Math.sqrt(sizes.dim()),
          random);
    }
    if (ropeFactors != null) {
      writer.tensor(
          TensorNames.ROPE_FACTORS,
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
            .integer("llama.block_count", sizes.layers())
            .integer("llama.embedding_length", sizes.dim())
            .integer("llama.feed_forward_length", sizes.ffn())
            .integer("llama.attention.head_count", sizes.heads())
            .integer("llama.attention.head_count_kv", sizes.kvHeads())
            .integer("llama.attention.key_length", sizes.headDim())
            .integer("llama.attention.value_length", sizes.headDim())
            .integer("llama.vocab_size", sizes.vocab())
            .integer("llama.context_length", sizes.context())
            .real("llama.attention.layer_norm_rms_epsilon", sizes.rmsEps())
            .real("llama.rope.freq_base", (float) sizes.ropeBase())
            .integer("llama.rope.dimension_count", sizes.ropeDim());
    if (sizes.ropeStretch() != 1) {
      writer.string("llama.rope.scaling.type", "linear");
      writer.real("llama.rope.scaling.factor", (float) sizes.ropeStretch());
    }
    return writer;
  }

  private void layer(GgufWriter writer, int layer, SplittableRandom random) {
    int dim = sizes.dim();
    int queries = sizes.heads() * sizes.headDim();
    int keys = sizes.kvHeads() * sizes.headDim();
    norm(writer, Role.ATTENTION_NORM.in(layer), random);
    // Queries and keys a little larger, so that attention prefers some keys to others.
    matrix(writer, Role.Q.in(layer), dim, queries, 1.5 / Math.sqrt(dim), random);
    matrix(writer, Role.K.in(layer), dim, keys, 1.5 / Math.sqrt(dim), random);
    matrix(writer, Role.V.in(layer), dim, keys, 1 / Math.sqrt(dim), random);
    matrix(writer, Role.ATTENTION_OUT.in(layer), queries, dim, 1 / Math.sqrt(queries), random);
    norm(writer, Role.FFN_NORM.in(layer), random);
    matrix(writer, Role.GATE.in(layer), dim, sizes.ffn(), 1 / Math.sqrt(dim), random);
    matrix(writer, Role.UP.in(layer), dim, sizes.ffn(), 1 / Math.sqrt(dim), random);
    matrix(writer, Role.DOWN.in(layer), sizes.ffn(), dim, 1 / Math.sqrt(sizes.ffn()), random);
  }

  private void norm(GgufWriter writer, String name, SplittableRandom random) {
    float[] weights = new float[sizes.dim()];
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
