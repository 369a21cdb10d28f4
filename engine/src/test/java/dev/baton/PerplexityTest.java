package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kernel.NativeKernels;
import dev.baton.node.NodeCompute;
import dev.baton.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PerplexityTest {
  /** What llama-perplexity gives for the same file and text, from the model's note. */
  private static final double PUBLISHED = 2.7867;

  private static final double TOLERANCE = 0.005;

  @Test
  void shouldComeToTheFieldsFigureAndBeTheSameForEveryChunkAndInstructionSet() throws IOException {
    double first = measure(KernelsConfig.defaults(), 512);
    assertEquals(PUBLISHED, first, PUBLISHED * TOLERANCE);
    assertEquals(
        first, measure(KernelsConfig.defaults().withThreads(1), 100), "by chunk and threads");
    for (String isa : NativeKernels.levels()) {
      assertEquals(first, measure(KernelsConfig.defaults().withIsa(isa), 256), isa);
    }
  }

  @Test
  void shouldRefuseATextShorterThanAWindow() {
    try (NodeCompute node =
        NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {})) {
      String message =
          assertThrows(
                  BatonException.class,
                  () ->
                      Perplexity.measure(
                          node.model(), node.pool(), new int[511], setting(512), done -> {}))
              .getMessage();
      assertTrue(message.contains("511"), message);
    }
  }

  /** What the lossy wire form costs, as the README states it; it must not be free either. */
  @Test
  void shouldPayLittleForTheLossyWireForm() throws IOException {
    double exact = measure(KernelsConfig.defaults(), setting(512));
    double lossy = measure(KernelsConfig.defaults(), new Perplexity.Setting(0, 512, KvWireType.Q8));
    assertEquals(exact, lossy, 0.002 * exact);
    assertNotEquals(exact, lossy);
  }

  private static Perplexity.Setting setting(int chunk) {
    return new Perplexity.Setting(0, chunk, KvWireType.F16);
  }

  private static double measure(KernelsConfig kernels, int chunk) throws IOException {
    return measure(kernels, setting(chunk));
  }

  private static double measure(KernelsConfig kernels, Perplexity.Setting setting)
      throws IOException {
    String text =
        Files.readString(
            Path.of("src", "test", "resources", "dev", "baton", "baton-tiny-heldout.txt"));
    try (NodeCompute node = NodeCompute.open(BatonProcess.TINY, kernels, done -> {})) {
      int[] tokens = Tokenizer.from(node.model().file().metadata()).encode(text, true, false);
      Perplexity result =
          Perplexity.measure(node.model(), node.pool(), tokens, setting, done -> {});
      assertEquals(14, result.windows());
      assertEquals(14 * 255, result.scoredTokens());
      return result.perplexity();
    }
  }
}
