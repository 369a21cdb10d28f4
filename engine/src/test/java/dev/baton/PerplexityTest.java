package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.cluster.NodeCompute;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
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
                          node.model(), node.cache(), new int[511], 0, 512, done -> {}))
              .getMessage();
      assertTrue(message.contains("511"), message);
    }
  }

  private static double measure(KernelsConfig kernels, int chunk) throws IOException {
    String text =
        Files.readString(
            Path.of("src", "test", "resources", "dev", "baton", "baton-tiny-heldout.txt"));
    try (NodeCompute node = NodeCompute.open(BatonProcess.TINY, kernels, done -> {})) {
      int[] tokens = Tokenizer.from(node.model().file().metadata()).encode(text, true, false);
      Perplexity result =
          Perplexity.measure(node.model(), node.cache(), tokens, 0, chunk, done -> {});
      assertEquals(14, result.windows());
      assertEquals(14 * 255, result.scoredTokens());
      return result.perplexity();
    }
  }
}
