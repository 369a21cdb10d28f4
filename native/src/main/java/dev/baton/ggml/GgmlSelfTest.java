package dev.baton.ggml;

import dev.baton.arch.TensorNames;
import dev.baton.arch.TensorNames.Role;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufWriter;
import dev.baton.gguf.RandomBlocks;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.IdentityCache;
import dev.baton.model.LayerPass;
import dev.baton.model.ModelBackend;
import dev.baton.model.TokenBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Runs a tiny random model on a device and on a reference, once for each device of a process.
 * Libraries of several releases, a broken driver or a wrong binding show here, before somebody
 * believes an answer.
 */
final class GgmlSelfTest {
  /** Quantised products differ by some thousandths; wrong ones by their whole size. */
  private static final double MOST_RELATIVE_ERROR = 0.03;

  private static final int DIM = 128;
  private static final int FFN = 256;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 64;
  private static final int VOCAB = 64;
  private static final int TOKENS = 9;
  private static final int CHUNK = 5;

  private static final Map<String, Double> PASSED = new ConcurrentHashMap<>();

  private GgmlSelfTest() {}

  /**
   * @return how far the logits are off, relative to their size
   * @throws GgmlException when they are wrong
   */
  static double require(GgmlTarget on) {
    GgmlDevice device = on.device();
    Double known = PASSED.get(device.name());
    if (known != null) {
      return known;
    }
    double error;
    try {
      Path file = Files.createTempFile("baton-self-test", ".gguf");
      try {
        write(file);
        error = error(on, file);
      } finally {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new GgmlException(
          "device "
              + device.label()
              + " cannot be tested: no temporary file ("
              + e.getMessage()
              + "); set -Djava.io.tmpdir",
          e);
    }
    if (!(error <= MOST_RELATIVE_ERROR)) {
      throw new GgmlException(
          String.format(
              Locale.ROOT,
              "device %s computes wrong numbers (relative error %.3g in a test); are all libraries"
                  + " in %s of one release, and is its driver up to date?",
              device.label(),
              error,
              on.library().folder()));
    }
    PASSED.put(device.name(), error);
    return error;
  }

  private static double error(GgmlTarget on, Path file) {
    float[] there;
    try (ModelBackend model =
        GgmlModel.untested(on, file, null, IdentityCache.none(), done -> {})) {
      there = logits(model);
    }
    float[] here;
    try (ModelBackend model = on.reference().apply(file)) {
      here = logits(model);
    }
    double difference = 0;
    double size = 0;
    for (int i = 0; i < here.length; i++) {
      difference += Math.pow(there[i] - here[i], 2);
      size += Math.pow(here[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  /** Of the last token: a chunk, the rest of the prompt, and a step behind them. */
  private static float[] logits(ModelBackend model) {
    int[] tokens = new SplittableRandom(7).ints(TOKENS, 0, VOCAB).toArray();
    TokenBatch batch = new TokenBatch(CHUNK);
    try (KvPool cache = model.cache(1);
        KvSequence sequence = Objects.requireNonNull(cache.reserve(TOKENS));
        LayerPass pass = model.pass(CHUNK);
        Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate((long) VOCAB * Float.BYTES, 64);
      int count;
      for (int at = 0; at < TOKENS; at += count) {
        count = at == TOKENS - 1 ? 1 : Math.min(CHUNK, TOKENS - 1 - at);
        batch.clear().add(sequence, tokens, at, count, at, 1);
        pass.embed(batch);
        pass.layers(batch, 0, model.shape().layers());
      }
      pass.logits(0, 1, out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static void write(Path file) throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    GgufWriter writer =
        new GgufWriter()
            .string("general.architecture", "llama")
            .string("general.name", "self-test")
            .integer("llama.block_count", 2)
            .integer("llama.embedding_length", DIM)
            .integer("llama.feed_forward_length", FFN)
            .integer("llama.attention.head_count", HEADS)
            .integer("llama.attention.head_count_kv", 1)
            .integer("llama.attention.key_length", HEAD_DIM)
            .integer("llama.attention.value_length", HEAD_DIM)
            .integer("llama.vocab_size", VOCAB)
            .integer("llama.context_length", 64)
            .real("llama.attention.layer_norm_rms_epsilon", 1e-5f)
            .real("llama.rope.freq_base", 10_000)
            .integer("llama.rope.dimension_count", HEAD_DIM);
    matrix(writer, TensorNames.EMBEDDING, GgmlType.F32, DIM, VOCAB, random);
    for (int layer = 0; layer < 2; layer++) {
      GgmlType type = layer == 0 ? GgmlType.F32 : GgmlType.Q8_0;
      norm(writer, Role.ATTENTION_NORM.in(layer), random);
      matrix(writer, Role.Q.in(layer), type, DIM, HEADS * HEAD_DIM, random);
      matrix(writer, Role.K.in(layer), type, DIM, HEAD_DIM, random);
      matrix(writer, Role.V.in(layer), type, DIM, HEAD_DIM, random);
      matrix(writer, Role.ATTENTION_OUT.in(layer), type, HEADS * HEAD_DIM, DIM, random);
      norm(writer, Role.FFN_NORM.in(layer), random);
      matrix(writer, Role.GATE.in(layer), type, DIM, FFN, random);
      matrix(writer, Role.UP.in(layer), type, DIM, FFN, random);
      matrix(writer, Role.DOWN.in(layer), type, FFN, DIM, random);
    }
    norm(writer, TensorNames.OUTPUT_NORM, random);
    writer.write(file);
  }

  private static void norm(GgufWriter writer, String name, SplittableRandom random) {
    float[] weights = new float[DIM];
    for (int i = 0; i < DIM; i++) {
      weights[i] = (float) (1 + 0.1 * random.nextGaussian());
    }
    writer.tensor(name, GgmlType.F32, new long[] {DIM}, MemorySegment.ofArray(weights));
  }

  private static void matrix(
      GgufWriter writer, String name, GgmlType type, int cols, int rows, SplittableRandom random) {
    MemorySegment bytes = RandomBlocks.of(type, (long) rows * cols, 1 / Math.sqrt(cols), random);
    writer.tensor(name, type, new long[] {cols, rows}, bytes);
  }
}
