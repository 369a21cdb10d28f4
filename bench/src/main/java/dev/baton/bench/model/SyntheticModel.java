package dev.baton.bench.model;

import dev.baton.arch.TensorNames;
import dev.baton.arch.TensorNames.Role;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufValueType;
import dev.baton.gguf.GgufWriter;
import dev.baton.gguf.RandomBlocks;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A model of a given shape with random weights, the same to the byte for the same seed. Its
 * activations stay within a few units; its text is noise. The tokenizer is one of SentencePiece
 * with made-up words, whatever the shape: it is there because llama.cpp wants one.
 */
final class SyntheticModel {
  private static final long CHUNK_ELEMENTS = 1 << 20;

  /** Token types of GGUF's tokenizer. */
  private static final long NORMAL = 1;

  private static final long UNKNOWN = 2;
  private static final long CONTROL = 3;
  private static final long BYTE = 6;

  private final PublishedShape shape;
  private final ModelQuant quant;
  private final SplittableRandom random;
  private final GgufWriter writer = new GgufWriter();
  private long parameters;

  SyntheticModel(PublishedShape shape, ModelQuant quant, long seed) {
    this.shape = shape;
    this.quant = quant;
    this.random = new SplittableRandom(seed);
    metadata(seed);
    tokenizer();
    tensors();
  }

  /** Weights in all. */
  long parameters() {
    return parameters;
  }

  /** Writes the file once, replacing what stands at {@code path}. */
  void write(Path path) throws IOException {
    writer.write(path);
  }

  private void metadata(long seed) {
    String prefix = shape.architecture() + ".";
    writer
        .string("general.architecture", shape.architecture())
        .string("general.name", "Random " + shape.name() + " of seed " + seed)
        .integer("general.file_type", quant.fileType())
        .integer("general.quantization_version", 2)
        .integer(prefix + "block_count", shape.layers())
        .integer(prefix + "embedding_length", shape.dim())
        .integer(prefix + "feed_forward_length", shape.ffn())
        .integer(prefix + "attention.head_count", shape.heads())
        .integer(prefix + "attention.head_count_kv", shape.kvHeads())
        .integer(prefix + "attention.key_length", shape.headDim())
        .integer(prefix + "attention.value_length", shape.headDim())
        .integer(prefix + "vocab_size", shape.vocab())
        .integer(prefix + "context_length", shape.context())
        .real(prefix + "attention.layer_norm_rms_epsilon", shape.rmsEps())
        .real(prefix + "rope.freq_base", shape.ropeBase())
        .integer(prefix + "rope.dimension_count", shape.headDim());
  }

  private void tokenizer() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    long[] types = new long[shape.vocab()];
    float[] scores = new float[shape.vocab()];
    for (int value = 0; value < 256; value++) {
      tokens.add("<0x" + HexFormat.of().withUpperCase().toHexDigits((byte) value) + ">");
    }
    int words = tokens.size();
    while (tokens.size() < shape.vocab()) {
      tokens.add("▁w" + (tokens.size() - words));
    }
    Arrays.fill(types, NORMAL);
    types[0] = UNKNOWN;
    Arrays.fill(types, 1, 3, CONTROL);
    Arrays.fill(types, 3, words, BYTE);
    for (int id = words; id < scores.length; id++) {
      scores[id] = words - id;
    }
    writer
        .string("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", tokens)
        .reals("tokenizer.ggml.scores", scores)
        .integers("tokenizer.ggml.token_type", GgufValueType.INT32, types)
        .integer("tokenizer.ggml.unknown_token_id", 0)
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2);
  }

  private void tensors() {
    // Embeddings of unit size; the other matrices keep the size of what they multiply.
    GgmlType embedding = shape.tied() ? quant.ofOutput() : quant.ofEmbedding();
    matrix(TensorNames.EMBEDDING, embedding, shape.dim(), shape.vocab(), 1);
    for (int layer = 0; layer < shape.layers(); layer++) {
      layer(layer);
    }
    norm(TensorNames.OUTPUT_NORM, shape.dim());
    if (!shape.tied()) {
      double deviation = 3 / Math.sqrt(shape.dim());
      matrix(TensorNames.OUTPUT, quant.ofOutput(), shape.dim(), shape.vocab(), deviation);
    }
    float[] factors = shape.ropeFactors();
    if (factors.length > 0) {
      vector(TensorNames.ROPE_FACTORS, factors);
    }
  }

  private void layer(int layer) {
    int dim = shape.dim();
    int queries = shape.heads() * shape.headDim();
    int keys = shape.kvHeads() * shape.headDim();
    norm(Role.ATTENTION_NORM.in(layer), dim);
    ofLayer(layer, Role.Q, dim, queries);
    ofLayer(layer, Role.K, dim, keys);
    ofLayer(layer, Role.V, dim, keys);
    ofLayer(layer, Role.ATTENTION_OUT, queries, dim);
    if (shape.headNorms()) {
      norm(Role.Q_NORM.in(layer), shape.headDim());
      norm(Role.K_NORM.in(layer), shape.headDim());
    }
    norm(Role.FFN_NORM.in(layer), dim);
    ofLayer(layer, Role.GATE, dim, shape.ffn());
    ofLayer(layer, Role.UP, dim, shape.ffn());
    ofLayer(layer, Role.DOWN, shape.ffn(), dim);
  }

  private void ofLayer(int layer, Role role, int cols, int rows) {
    GgmlType type = quant.ofLayer(role, layer, shape.layers());
    matrix(role.in(layer), type, cols, rows, 1 / Math.sqrt(cols));
  }

  private void norm(String name, int length) {
    SplittableRandom own = random.split();
    float[] weights = new float[length];
    for (int i = 0; i < length; i++) {
      weights[i] = (float) (1 + 0.1 * own.nextGaussian());
    }
    vector(name, weights);
  }

  private void vector(String name, float[] values) {
    parameters += values.length;
    writer.tensor(name, GgmlType.F32, new long[] {values.length}, MemorySegment.ofArray(values));
  }

  /** A matrix that is made as it is written, from a generator of its own. */
  private void matrix(String name, GgmlType type, int cols, int rows, double deviation) {
    SplittableRandom own = random.split();
    long elements = (long) cols * rows;
    parameters += elements;
    writer.tensor(
        name,
        type,
        new long[] {cols, rows},
        out -> writeRandom(type, elements, deviation, own, out));
  }

  private static void writeRandom(
      GgmlType type,
      long elements,
      double deviation,
      SplittableRandom random,
      WritableByteChannel out)
      throws IOException {
    for (long at = 0; at < elements; at += CHUNK_ELEMENTS) {
      MemorySegment blocks =
          RandomBlocks.of(type, Math.min(CHUNK_ELEMENTS, elements - at), deviation, random);
      for (ByteBuffer bytes = blocks.asByteBuffer(); bytes.hasRemaining(); ) {
        out.write(bytes);
      }
    }
  }
}
