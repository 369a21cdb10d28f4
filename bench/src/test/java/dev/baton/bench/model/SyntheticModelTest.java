package dev.baton.bench.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.TensorNames.Role;
import dev.baton.cpu.CpuModel;
import dev.baton.cpu.CpuPass;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import dev.baton.text.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class SyntheticModelTest {
  private static final int VOCAB = 512;

  @TempDir Path folder;

  private Path write(String shape, ModelQuant quant, long seed) throws IOException {
    Path file = folder.resolve(shape + quant + seed + ".gguf");
    new SyntheticModel(PublishedShape.named(shape).shrunkTo(3, VOCAB), quant, seed).write(file);
    return file;
  }

  @ParameterizedTest
  @EnumSource
  void shouldWriteWhatBatonRuns(ModelQuant quant) throws IOException {
    for (PublishedShape shape : PublishedShape.ALL) {
      if (shape.isRunByBaton()) {
        assertLogitsDiffer(write(shape.name(), quant, 1));
      }
    }
  }

  private static void assertLogitsDiffer(Path file) {
    try (Kernels kernels =
            KernelChoice.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(1))
                .kernels();
        CpuModel model = CpuModel.load(file, kernels, _ -> {});
        KvPool pool = new KvPool(model.kvGeometry(), 1);
        KvSequence sequence = Objects.requireNonNull(pool.reserve(8));
        CpuPass forward = new CpuPass(model, 8);
        Arena arena = Arena.ofConfined()) {
      TokenBatch batch = new TokenBatch(8).add(sequence, new int[] {1, 5, 300, 511}, 0, 4, 0, 1);
      forward.embed(batch);
      forward.layers(batch, 0, model.shape().layers());
      MemorySegment out = arena.allocate((long) VOCAB * Float.BYTES, 64);
      forward.logits(0, 1, out);
      float[] logits = out.toArray(ValueLayout.JAVA_FLOAT);
      float least = Float.POSITIVE_INFINITY;
      float most = Float.NEGATIVE_INFINITY;
      for (float logit : logits) {
        assertTrue(Float.isFinite(logit), file + " has the logits " + Arrays.toString(logits));
        least = Math.min(least, logit);
        most = Math.max(most, logit);
      }
      assertTrue(most - least > 1 && most - least < 1000, file + ": " + least + " .. " + most);
    }
  }

  @Test
  void shouldBringTheVocabularyThatItsMatricesHave() throws IOException {
    try (GgufFile file = GgufFile.open(write("tinyllama-1.1b", ModelQuant.q4_0, 1))) {
      Tokenizer tokenizer = Tokenizer.from(file.metadata());
      assertEquals(VOCAB, tokenizer.vocabulary().tokens().size());
      assertEquals("hello", tokenizer.decode(tokenizer.encode("hello", true, false)).strip());
      assertEquals(VOCAB, file.tensor("output.weight").rows());
    }
  }

  @Test
  void shouldGiveTheSameBytesForTheSameSeedAlone() throws IOException {
    byte[] bytes = Files.readAllBytes(write("llama3.2-1b", ModelQuant.q4_k_m, 7));
    Path again = folder.resolve("again.gguf");
    new SyntheticModel(PublishedShape.named("llama3.2-1b").shrunkTo(3, VOCAB), ModelQuant.q4_k_m, 7)
        .write(again);
    assertArrayEquals(bytes, Files.readAllBytes(again));
    assertFalse(
        Arrays.equals(bytes, Files.readAllBytes(write("llama3.2-1b", ModelQuant.q4_k_m, 8))));
  }

  @Test
  void shouldChooseTypesAsLlamaCppDoes() throws IOException {
    PublishedShape shape = PublishedShape.named("tinyllama-1.1b");
    long more =
        IntStream.range(0, shape.layers())
            .filter(i -> ModelQuant.q4_k_m.ofLayer(Role.DOWN, i, shape.layers()) == GgmlType.Q6_K)
            .count();
    assertEquals(10, more); // layers 0 1, 4 7 10 13 16, 19 20 21
    assertEquals(GgmlType.Q4_K, ModelQuant.q4_k_m.ofLayer(Role.Q, 0, 22));
    try (GgufFile file = GgufFile.open(write("llama3.2-1b", ModelQuant.q4_0, 1))) {
      GgufTensor embedding = file.tensor("token_embd.weight");
      assertEquals(GgmlType.Q6_K, embedding.type());
      assertTrue(file.find("output.weight").isEmpty());
      assertTrue(file.find("rope_freqs.weight").isPresent());
    }
  }
}
