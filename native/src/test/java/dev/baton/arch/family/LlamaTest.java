package dev.baton.arch.family;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.baton.arch.Attention;
import dev.baton.arch.LlamaSizes;
import dev.baton.arch.ModelException;
import dev.baton.arch.ModelShape;
import dev.baton.arch.RandomModel;
import dev.baton.arch.Rope;
import dev.baton.arch.TensorCheck;
import dev.baton.arch.TensorNames;
import dev.baton.arch.Weight;
import dev.baton.gguf.Checkout;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufValueType;
import dev.baton.gguf.GgufWriter;
import dev.baton.gguf.RandomBlocks;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LlamaTest {
  private static final ModelShape MINIMAL =
      new LlamaSizes(2, 64, 96, 4, 4, 16, 10, 128, 1e-5f, 10_000, 16, 1).shape(true, false);

  @TempDir Path folder;

  @Test
  void shouldReadTheModelThatBatonCarries() {
    Path path = Checkout.find("engine/src/main/resources/dev/baton/catalog/baton-tiny-q8_0.gguf");
    try (GgufFile file = GgufFile.open(path)) {
      ModelShape shape = Families.shape(file);
      assertEquals(
          new LlamaSizes(6, 256, 768, 8, 4, 32, 2048, 1024, 1e-5f, 10_000, 32, 1)
              .shape(true, false),
          shape);
      TensorCheck.check(file, shape);
    }
  }

  @Test
  void shouldReadAModelOfOddSizesWithItsOwnOutputMatrix() {
    Path path = Checkout.find("shared/models/stories260K.gguf");
    Assumptions.assumeTrue(
        Files.exists(path), "shared/models/stories260K.gguf is not beside the checkout");
    try (GgufFile file = GgufFile.open(path)) {
      ModelShape shape = Families.shape(file);
      assertEquals(
          new LlamaSizes(5, 64, 172, 8, 4, 8, 512, 2048, 1e-5f, 10_000, 8, 1).shape(false, false),
          shape);
      TensorCheck.check(file, shape);
    }
  }

  @Test
  void shouldFillInWhatAMinimalModelLeavesOut() throws IOException {
    assertEquals(MINIMAL, read(minimal()));
  }

  @Test
  void shouldPreferTheTokenListOverTheSizeKeyAndTheEmbedding() throws IOException {
    GgufWriter writer =
        withoutVocab()
            .integer("llama.vocab_size", 7)
            .strings("tokenizer.ggml.tokens", List.of("a", "b"));
    assertEquals(2, read(writer).vocab());
    GgufWriter rows =
        withoutVocab()
            .tensor(
                "token_embd.weight",
                GgmlType.F16,
                new long[] {64, 3},
                RandomBlocks.of(GgmlType.F16, 192, 1, new SplittableRandom(1)));
    assertEquals(3, read(rows).vocab());
    assertRefused(() -> read(withoutVocab()), "'token_embd.weight' is missing");
  }

  @Test
  void shouldAcceptPerLayerArraysThatAreUniform() throws IOException {
    GgufWriter writer =
        base()
            .integer("llama.vocab_size", 10)
            .integers("llama.attention.head_count", GgufValueType.INT32, 4, 4)
            .integers("llama.attention.head_count_kv", GgufValueType.UINT32, 2, 2)
            .integers("llama.feed_forward_length", GgufValueType.INT32, 96, 96);
    assertEquals(2, attention(read(writer)).kvHeads());
  }

  @Test
  void shouldReadLinearRopeScalingInItsThreeForms() throws IOException {
    GgufWriter named =
        minimal().string("llama.rope.scaling.type", "linear").real("llama.rope.scaling.factor", 4);
    assertEquals(4, attention(read(named)).rope().stretch());
    assertEquals(
        4, attention(read(minimal().real("llama.rope.scaling.factor", 4))).rope().stretch());
    assertEquals(2, attention(read(minimal().real("llama.rope.scale_linear", 2))).rope().stretch());
    assertEquals(1, attention(read(minimal().real("llama.rope.scale_linear", 0))).rope().stretch());
    GgufWriter none =
        minimal().string("llama.rope.scaling.type", "none").real("llama.rope.scaling.factor", 4);
    assertEquals(1, attention(read(none)).rope().stretch());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void shouldRefuseNamingWhatItDoesNotRun(String what, Consumer<GgufWriter> change, String wanted) {
    GgufWriter writer = minimal();
    change.accept(writer);
    assertRefused(() -> read(writer), wanted);
  }

  static Stream<Arguments> shouldRefuseNamingWhatItDoesNotRun() {
    return Stream.of(
        refused("experts", w -> w.integer("llama.expert_count", 8), "expert_count"),
        refused(
            "a split part",
            w -> w.integer("split.count", GgufValueType.UINT16, 3),
            "one of 3 parts"),
        refused(
            "no causal attention",
            w -> w.bool("llama.attention.causal", false),
            "attention.causal"),
        refused(
            "yarn",
            w -> w.string("llama.rope.scaling.type", "yarn"),
            "RoPE scaling 'yarn' is not run"),
        refused(
            "longrope",
            w -> w.string("llama.rope.scaling.type", "longrope"),
            "RoPE scaling 'longrope' is not run"),
        refused(
            "rope magnitude",
            w -> w.real("llama.rope.scaling.attn_factor", 1.2f),
            "rope.scaling.attn_factor"),
        refused(
            "negative rope scale",
            w -> w.real("llama.rope.scaling.factor", -2),
            "rope.scaling.factor -2.0"),
        refused(
            "rope scale NaN",
            w -> w.real("llama.rope.scaling.factor", Float.NaN),
            "rope.scaling.factor NaN"),
        refused("rope base 0", w -> w.real("llama.rope.freq_base", 0), "rope.freq_base 0.0 is not"),
        refused(
            "rope base infinite",
            w -> w.real("llama.rope.freq_base", Float.POSITIVE_INFINITY),
            "rope.freq_base"),
        refused(
            "odd rope",
            w -> w.integer("llama.rope.dimension_count", 7),
            "rope.dimension_count 7 is no even"),
        refused(
            "wide rope",
            w -> w.integer("llama.rope.dimension_count", 18),
            "rope.dimension_count 18 is no even"),
        refused(
            "no rope",
            w -> w.integer("llama.rope.dimension_count", 0),
            "rope.dimension_count is 0"),
        refused(
            "odd head",
            w -> w.integer("llama.attention.key_length", 15),
            "attention.key_length 15 is odd"),
        refused(
            "wide heads",
            w ->
                w.integer("llama.attention.key_length", 320)
                    .integer("llama.attention.value_length", 320),
            "attention heads of 320 values (attention.key_length) are wider than this version"),
        refused(
            "unlike values",
            w -> w.integer("llama.attention.value_length", 8),
            "value_length 8 differs from"),
        refused(
            "3 KV heads",
            w -> w.integer("llama.attention.head_count_kv", 3),
            "head_count 4 is no multiple"),
        refused(
            "0 KV heads", w -> w.integer("llama.attention.head_count_kv", 0), "head_count_kv is 0"),
        refused(
            "KV heads by layer",
            w -> w.integers("llama.attention.head_count_kv", GgufValueType.INT32, 4, 2),
            "attention.head_count_kv differs from layer to layer"),
        refused(
            "KV heads for 3 layers",
            w -> w.integers("llama.attention.head_count_kv", GgufValueType.INT32, 4, 4, 4),
            "attention.head_count_kv has 3 entries for 2 layers"));
  }

  private static Arguments refused(String what, Consumer<GgufWriter> change, String wanted) {
    return arguments(what, change, wanted);
  }

  @Test
  void shouldNameTheArchitectureThatItDoesNotRun() {
    GgufWriter writer = new GgufWriter().string("general.architecture", "gemma3");
    assertRefused(
        () -> read(writer), "architecture 'gemma3' is not run by this version, which runs 'llama'");
    assertRefused(() -> read(new GgufWriter()), "'general.architecture' is missing");
  }

  @Test
  void shouldNameTheKeyThatIsMissingOrOutOfRange() {
    assertRefused(
        () -> read(new GgufWriter().string("general.architecture", "llama")),
        "'llama.block_count' is missing");
    assertOutOfRange("block_count 1025", new int[] {1025, 64, 96, 4, 4, 16, 10, 128, 16});
    assertOutOfRange("embedding_length 0", new int[] {2, 0, 96, 4, 4, 16, 10, 128, 16});
    assertOutOfRange("embedding_length 65537", new int[] {2, 65_537, 96, 4, 4, 16, 10, 128, 16});
    assertOutOfRange("feed_forward_length -1", new int[] {2, 64, -1, 4, 4, 16, 10, 128, 16});
    assertOutOfRange("vocabulary size 0", new int[] {2, 64, 96, 4, 4, 16, 0, 128, 16});
    assertOutOfRange(
        "context_length 16777217", new int[] {2, 64, 96, 4, 4, 16, 10, (1 << 24) + 1, 16});
    assertOutOfRange(
        "head_count * attention.key_length", new int[] {2, 64, 96, 4096, 4, 4096, 10, 128, 16});
  }

  private static void assertOutOfRange(String wanted, int[] v) {
    assertRefused(
        () ->
            new LlamaSizes(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], 1e-5f, 10_000, v[8], 1)
                .shape(true, false),
        wanted);
  }

  private static Attention attention(ModelShape shape) {
    return switch (shape.block(0).mixer()) {
      case Attention attention -> attention;
    };
  }

  private static Rope rope(int dims, double stretch) {
    Weight factors = Weight.vector(TensorNames.ROPE_FACTORS, dims / 2);
    return new Rope(Rope.Pairing.NEIGHBOURS, dims, 10_000, stretch, factors);
  }

  @Test
  void shouldDivideRopeFrequenciesByFactorsAndScale() {
    Rope rope = rope(8, 4);
    double[] plain = {1.0 / 4, 0.1 / 4, 0.01 / 4, 0.001 / 4};
    assertArrayEquals(plain, rope.frequencies(null), 1e-15);
    double[] factored = {1.0 / 4, 0.1 / 8, 0.01 / 16, 0.001 / 32};
    assertArrayEquals(factored, rope.frequencies(new float[] {1, 2, 4, 8}), 1e-15);
    assertRefused(
        () -> rope.frequencies(new float[3]), "rope_freqs.weight has 3 factors, the model needs 4");
    assertRefused(
        () -> rope.frequencies(new float[] {1, 1, 0, 1}), "rope_freqs.weight: factor 2 is 0.0");
    assertRefused(
        () -> rope.frequencies(new float[] {1, Float.NaN, 0, 1}),
        "rope_freqs.weight: factor 1 is NaN");
  }

  @Test
  void shouldTurnOnlyTheFirstRopeDimElements() {
    Rope rope = rope(4, 1);
    assertArrayEquals(new double[] {1, 0.01}, rope.frequencies(null), 1e-15);
  }

  /**
   * A model that tests can run must survive the way through the file unchanged, whatever its types.
   */
  @Test
  void shouldFindEveryTensorOfARandomModelOfAnyType() {
    LlamaSizes sizes = new LlamaSizes(2, 256, 512, 4, 2, 64, 96, 512, 1e-5f, 500_000, 32, 8);
    float[] factors = new float[16];
    Arrays.fill(factors, 2);
    for (GgmlType type : GgmlType.values()) {
      RandomModel model = new RandomModel(sizes, _ -> type, type == GgmlType.F16, factors, 1);
      try (GgufFile file = GgufFile.open(model.write(folder.resolve(type + ".gguf")))) {
        assertEquals(model.shape(), Families.shape(file));
        TensorCheck.check(file, model.shape());
        assertArrayEquals(
            factors, file.data(file.tensor("rope_freqs.weight")).toArray(ValueLayout.JAVA_FLOAT));
      }
    }
  }

  @Test
  void shouldNameATensorThatIsMissingMisshapenOrUnknown() throws IOException {
    RandomModel model = RandomModel.of(RandomModel.tinyShape(), GgmlType.Q8_0, true, 1);
    ModelShape shape = model.shape();
    Path path = model.write(folder.resolve("model.gguf"));
    assertTensorsRefused(
        path, "ffn_up", "ffn_xx", shape, "'blk.0.ffn_up.weight': is missing, wanted [256, 512]");
    assertTensorsRefused(
        path,
        "1.ffn_up",
        "0.ffn_um",
        shape,
        "'blk.1.ffn_up.weight': is missing, wanted [256, 512]");
    ModelShape wider =
        new LlamaSizes(2, 256, 512, 4, 4, 64, 96, 512, 1e-5f, 10_000, 64, 1).shape(true, false);
    assertTensorsRefused(
        path,
        "",
        "",
        wider,
        "'blk.0.attn_k.weight': wanted the shape [256, 256], found [256, 128]");
    ModelShape shorter =
        new LlamaSizes(1, 256, 512, 4, 2, 64, 96, 512, 1e-5f, 10_000, 64, 1).shape(true, false);
    assertTensorsRefused(
        path, "", "", shorter, "'blk.1.attn_norm.weight': is not run by this version");
    ModelShape deeper =
        new LlamaSizes(3, 256, 512, 4, 2, 64, 96, 512, 1e-5f, 10_000, 64, 1).shape(true, false);
    assertTensorsRefused(
        path, "", "", deeper, "'blk.2.attn_norm.weight': is missing, wanted [256]");
  }

  @Test
  void shouldRefuseBiasesAndQuantisedNormsAndAVocabularyOnly() throws IOException {
    LlamaSizes sizes = RandomModel.tinyShape();
    ModelShape shape = sizes.shape(false, false);
    Path path = RandomModel.of(sizes, GgmlType.Q8_0, false, 1).write(folder.resolve("model.gguf"));
    assertTensorsRefused(
        path,
        "\0output.weight",
        "\0attn_q.biasss",
        sizes.shape(true, false),
        "'attn_q.biasss': is not run by");
    // One dimension of 256, then type 8: Q8_0.
    String quantised = "output_norm.weight\1\0\0\0\0\1\0\0\0\0\0\0\10";
    assertTensorsRefused(
        path,
        "output_norm.weight",
        quantised,
        shape,
        "wanted the type F32, F16 or BF16, found Q8_0");
    Path vocab = folder.resolve("vocab.gguf");
    minimal().write(vocab);
    assertTensorsRefused(vocab, "", "", MINIMAL, "it holds a vocabulary only");
    Path factors =
        new RandomModel(sizes, _ -> GgmlType.F32, true, new float[31], 1)
            .write(folder.resolve("f.gguf"));
    assertTensorsRefused(
        factors,
        "",
        "",
        sizes.shape(true, true),
        "'rope_freqs.weight': wanted the shape [32], found [31]");
  }

  /**
   * Replaces the first {@code name} in the tensor table by another of the same length, then checks
   * the tensors.
   */
  private void assertTensorsRefused(
      Path path, String name, String other, ModelShape shape, String wanted) throws IOException {
    byte[] bytes = Files.readAllBytes(path);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    Path changed = folder.resolve("changed.gguf");
    int at = text.indexOf(name);
    System.arraycopy(other.getBytes(StandardCharsets.ISO_8859_1), 0, bytes, at, other.length());
    Files.write(changed, bytes);
    try (GgufFile file = GgufFile.open(changed)) {
      assertRefused(() -> TensorCheck.check(file, shape), wanted);
    }
  }

  @Test
  void shouldLetOnlyUserReadyErrorsOutOfMutatedModels() throws IOException {
    LlamaSizes shape = new LlamaSizes(1, 32, 32, 2, 1, 16, 8, 64, 1e-5f, 10_000, 16, 2);
    byte[] sound =
        Files.readAllBytes(
            RandomModel.of(shape, GgmlType.Q8_0, false, 1).write(folder.resolve("a.gguf")));
    SplittableRandom random = new SplittableRandom(7);
    Path path = folder.resolve("mutated.gguf");
    int accepted = 0;
    for (int i = 0; i < 1_000; i++) {
      byte[] mutated = sound.clone();
      mutated[random.nextInt(1200)] ^= (byte) (1 << random.nextInt(8));
      Files.write(path, mutated);
      try (GgufFile file = GgufFile.open(path)) {
        TensorCheck.check(file, Families.shape(file));
        accepted++;
      } catch (GgufException | ModelException e) {
        assertTrue(String.valueOf(e.getMessage()).startsWith(path.toString()), e.toString());
      }
    }
    assertTrue(accepted > 0 && accepted < 500, "mutations that leave a sound model: " + accepted);
  }

  private static GgufWriter minimal() {
    return withoutVocab().integer("llama.vocab_size", 10);
  }

  private static GgufWriter withoutVocab() {
    return base().integer("llama.attention.head_count", 4).integer("llama.feed_forward_length", 96);
  }

  private static GgufWriter base() {
    return new GgufWriter()
        .string("general.architecture", "llama")
        .integer("llama.block_count", 2)
        .integer("llama.embedding_length", 64)
        .integer("llama.context_length", 128)
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  }

  private ModelShape read(GgufWriter writer) throws IOException {
    Path path = folder.resolve("written.gguf");
    writer.write(path);
    try (GgufFile file = GgufFile.open(path)) {
      return Families.shape(file);
    }
  }

  @FunctionalInterface
  private interface Use {
    void run() throws IOException;
  }

  private static void assertRefused(Use use, String wanted) {
    RuntimeException e = assertThrows(RuntimeException.class, use::run);
    boolean userReady =
        e instanceof ModelException
            || e instanceof GgufException
            || e.getClass() == IllegalArgumentException.class;
    assertTrue(
        userReady && e.toString().contains(wanted), () -> "wanted \"" + wanted + "\" in: " + e);
  }
}
