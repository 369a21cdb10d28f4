package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KernelsConfig;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Contexts shorter than the model's: of one node, and of one of two. */
@Timeout(60)
class ContextTest {
  private static final int OWN = 1024;

  private static BatonConfig.Builder config() {
    return BatonConfig.builder(BatonProcess.TINY);
  }

  private static int[] prompt(int tokens) {
    return IntStream.range(0, tokens).map(i -> 300 + i % 700).toArray();
  }

  private record Answer(int[] tokens, Report report) {}

  private static Answer answer(Baton baton, int promptTokens, int outputTokens, Split split)
      throws InterruptedException {
    try (Generation generation = baton.generateExactly(prompt(promptTokens), outputTokens, split)) {
      while (generation.next() != null) {
        // The tokens are kept.
      }
      return new Answer(generation.takenTokens(), generation.report());
    }
  }

  @Test
  void shouldServeNoMoreThanTheContextThatItIsTold() throws Exception {
    Split local = new Split.Local();
    try (Baton baton = Baton.open(config().split(local).contextTokens(200).build())) {
      assertEquals(200, baton.compute().contextTokens());
      assertEquals(50, answer(baton, 150, 50, local).tokens().length);
      BatonException tooMuch =
          assertThrows(BatonException.class, () -> answer(baton, 150, 51, local));
      assertTrue(
          tooMuch.getMessage().contains("the context of 200 (of the model's 1024; --ctx-size"),
          tooMuch.getMessage());
      String story = "Once upon a time a fox saw a bird. ".repeat(25);
      BatonException tooLong =
          assertThrows(BatonException.class, () -> baton.generate(GenerateRequest.of(story)));
      assertTrue(tooLong.getMessage().contains("--ctx-size sets it"), tooLong.getMessage());
      try (Generation rest =
          baton.generate(GenerateRequest.of("Once upon a time").withMaxTokens(1000))) {
        while (rest.next() != null) {
          // To its end.
        }
        assertTrue(
            rest.report().tokens().promptTokens() + rest.report().tokens().outputTokens() <= 200);
      }
    }
  }

  @Test
  void shouldRefuseAContextThatTheModelWasNotMadeFor() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Baton.open(config().split(new Split.Local()).contextTokens(OWN + 1).build()));
    assertEquals(
        "--ctx-size 1025 is more than the model's context of 1024; give no more than that",
        e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> config().contextTokens(-1).build());
  }

  @Test
  void shouldAnswerHereWhatIsTooLongForThePrefillNodeAndSaySo() throws Exception {
    try (NodeCompute compute = compute(256);
        PrefillNode node = node(compute);
        Baton baton =
            Baton.open(config().prefill(node.endpoint()).split(new Split.Remote()).build())) {
      assertEquals(OWN, baton.compute().contextTokens());
      Answer fits = answer(baton, 200, 300, new Split.Remote());
      assertEquals(6, fits.report().route().boundaryLayer());
      assertNull(fits.report().fallback());
      assertArrayEquals(answer(baton, 200, 300, new Split.Local()).tokens(), fits.tokens());

      Answer tooLong = answer(baton, 300, 20, new Split.At(3));
      assertEquals(0, tooLong.report().route().boundaryLayer());
      assertEquals(
          "a prompt of 300 tokens is longer than the prefill node's context of 256: start it with a"
              + " larger --ctx-size",
          tooLong.report().fallback());
      assertArrayEquals(answer(baton, 300, 20, new Split.Local()).tokens(), tooLong.tokens());
    }
  }

  @Test
  void shouldWorkWithAPrefillNodeOfALongerContext() throws Exception {
    try (NodeCompute compute = compute(0);
        PrefillNode node = node(compute);
        Baton baton =
            Baton.open(
                config()
                    .prefill(node.endpoint())
                    .split(new Split.Remote())
                    .contextTokens(128)
                    .build())) {
      Answer remote = answer(baton, 100, 28, new Split.Remote());
      assertNull(remote.report().fallback());
      assertArrayEquals(answer(baton, 100, 28, new Split.Local()).tokens(), remote.tokens());
      assertThrows(BatonException.class, () -> answer(baton, 128, 1, new Split.Remote()));
    }
  }

  private static NodeCompute compute(int contextTokens) {
    return NodeCompute.open(
        BatonProcess.TINY,
        NodeCompute.CPU,
        KernelsConfig.defaults(),
        new KvDemand(contextTokens, 0, 1),
        done -> {});
  }

  private static PrefillNode node(NodeCompute compute) {
    return PrefillNode.launch(compute, "127.0.0.1:0", 128, Duration.ofSeconds(8), null);
  }
}
