package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.decode.SamplingParams;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The library as an application uses it, with a prefill node of its own. */
class BatonTest {
  /** From the model's note: what llama.cpp answers, greedily. */
  private static final String BEAR_GOLDEN =
      " came to see the boat. \"Let us go to sea,\" said Max. They took bread and pears and a map."
          + " The sea was blue, and the sun was bright. \"Look!\" said Max. It was a big whale."
          + " Then the sky got dark, and the waves got big. The";

  private static Baton baton;

  @BeforeAll
  static void open() {
    baton = Baton.open(BatonConfig.builder(BatonProcess.TINY).build());
  }

  @AfterAll
  static void close() {
    long child = baton.prefillPid().orElseThrow();
    baton.close();
    baton.close();
    assertTrue(BatonProcess.endsWithin(child, 5_000), "the prefill node outlives the engine");
  }

  @Test
  void shouldAnswerTokensWithExactlySoManyAfterThem() throws Exception {
    int[] prompt = {458, 504, 260, 413};
    int[] first = exactly(prompt, 400, new Split.Local());
    assertEquals(400, first.length, "the model ends its stories before that");
    assertArrayEquals(first, exactly(prompt, 400, new Split.At(2)));
    assertThrows(BatonException.class, () -> exactly(prompt, 1_000_000, new Split.Local()));
    int[] unknown = {1, 1_000_000};
    assertThrows(IllegalArgumentException.class, () -> exactly(unknown, 1, new Split.Local()));
  }

  private static int[] exactly(int[] prompt, int outputTokens, Split split) throws Exception {
    try (Generation answer = baton.generateExactly(prompt, outputTokens, split)) {
      while (answer.next() != null) {
        // The tokens are kept.
      }
      return answer.takenTokens();
    }
  }

  @Test
  void shouldContinueAsTheGoldenTextSays() throws InterruptedException {
    assertEquals(BEAR_GOLDEN, text(GenerateRequest.of("One day, Max the bear").withMaxTokens(64)));
  }

  @Test
  void shouldAnswerManyThreadsAtOnceAsItAnswersEachAlone() throws Exception {
    List<GenerateRequest> requests = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Split split =
          i % 3 == 0
              ? new Split.Local()
              : i % 3 == 1 ? new Split.Remote() : new Split.At(i % 5 + 1);
      SamplingParams sampling = i % 2 == 0 ? SamplingParams.greedy() : SamplingParams.usual(i);
      requests.add(
          GenerateRequest.of("Once upon a time, a fox saw " + "a bird and ".repeat(i * 3))
              .withMaxTokens(40)
              .withSampling(sampling)
              .withSplit(split));
    }
    List<String> texts = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(12)) {
      List<Future<String>> together = new ArrayList<>();
      for (GenerateRequest request : requests) {
        together.add(threads.submit(() -> text(request)));
      }
      for (Future<String> one : together) {
        texts.add(one.get());
      }
    }
    // Afterwards: what they left behind of their prompts is used then.
    for (int i = 0; i < requests.size(); i++) {
      String alone = text(requests.get(i).withSplit(new Split.Local()));
      assertEquals(alone, texts.get(i), "request " + i);
    }
    assertEquals(baton.compute().pool().totalBlocks(), baton.compute().pool().freeBlocks());
  }

  @Test
  void shouldEndBeforeAStopText() throws InterruptedException {
    GenerateRequest request =
        GenerateRequest.of("One day, Max the bear").withStop(List.of("sea,\"", "never"));
    try (Generation answer = baton.generate(request)) {
      StringBuilder text = new StringBuilder();
      for (String piece = answer.next(); piece != null; piece = answer.next()) {
        text.append(piece);
      }
      assertEquals(" came to see the boat. \"Let us go to ", text.toString());
      assertEquals("stop", answer.report().end());
    }
  }

  @Test
  void shouldEndACancelledAnswerAndFreeItsBlocks() throws InterruptedException {
    try (Generation answer =
        baton.generate(GenerateRequest.of("The little fox").withMaxTokens(900))) {
      answer.next();
      answer.cancel();
      while (answer.next() != null) {
        // What was made before the end is still given.
      }
      assertEquals("cancelled", answer.report().end());
      assertNull(answer.next());
    }
    assertEquals(baton.compute().pool().totalBlocks(), baton.compute().pool().freeBlocks());
  }

  @Test
  void shouldRefuseWhatItCannotAnswer() {
    assertThrows(BatonException.class, () -> baton.generate(GenerateRequest.of("")));
    String tooLong = "a fox and a bird ".repeat(400);
    String message =
        assertThrows(BatonException.class, () -> baton.generate(GenerateRequest.of(tooLong)))
            .getMessage();
    assertTrue(message.contains("context is 1024"), message);
    assertThrows(
        IllegalArgumentException.class,
        () -> baton.generate(GenerateRequest.of("a").withSplit(new Split.At(7))));
  }

  private static String text(GenerateRequest request) throws InterruptedException {
    try (Generation answer = baton.generate(request)) {
      StringBuilder text = new StringBuilder();
      for (String piece = answer.next(); piece != null; piece = answer.next()) {
        text.append(piece);
      }
      assertNull(answer.report().fallback());
      return text.toString();
    }
  }
}
