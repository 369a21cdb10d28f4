package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.Numerics;
import dev.baton.kernel.ReferenceKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  private static final int DRAWS = 20_000;

  @Test
  void shouldTakeTheFirstOfEqualMaximaWhenGreedy() {
    Sampler sampler = new Sampler(SamplingParams.greedy(), 5);
    assertEquals(1, sampler.next(row(0, 3, 3, -1, 3), 0));
    assertEquals(0, sampler.next(row(-0.0f, 0.0f, -1, -2, -3), 0));
    assertEquals(2, sampler.next(row(-5, -4, -3, -3, Float.NEGATIVE_INFINITY), 0));
  }

  @Test
  void shouldReadTheRowItIsAskedFor() {
    Sampler sampler = new Sampler(SamplingParams.greedy(), 2);
    MemorySegment rows = row(1, 0, 0, 1, 1, 0);
    assertEquals(0, sampler.next(rows, 0));
    assertEquals(1, sampler.next(rows, 1));
    assertEquals(0, sampler.next(rows, 2));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void shouldRefuseALogitThatIsNoNumber(float broken) {
    for (SamplingParams params : List.of(SamplingParams.greedy(), SamplingParams.usual(1))) {
      Sampler sampler = new Sampler(params, 3);
      IllegalStateException refused =
          assertThrows(IllegalStateException.class, () -> sampler.next(row(0, broken, 1), 0));
      String said = String.valueOf(refused.getMessage());
      assertTrue(said.contains("token 1"), said);
    }
  }

  @Test
  void shouldRefuseARowWithoutAnyFiniteLogit() {
    float none = Float.NEGATIVE_INFINITY;
    for (SamplingParams params :
        List.of(SamplingParams.greedy(), SamplingParams.usual(1), drawFromAll(1))) {
      Sampler sampler = new Sampler(params, 3);
      assertThrows(IllegalStateException.class, () -> sampler.next(row(none, none, none), 0));
    }
  }

  @Test
  void shouldGiveTheSameTokensForTheSameSeedAndOthersForAnother() {
    MemorySegment logits = noise(11, 1000);
    SamplingParams wild = params(1.5f, 0, 1f, 0f, 5);
    int[] once = draws(new Sampler(wild, 1000), logits, 200);
    assertArrayEquals(once, draws(new Sampler(wild, 1000), logits, 200));
    assertFalse(
        Arrays.equals(once, draws(new Sampler(params(1.5f, 0, 1f, 0f, 6), 1000), logits, 200)));
  }

  @Test
  void shouldDrawTheseVeryTokens() {
    // The tokens of a seed are part of what users rely on: whoever changes them must mean to.
    assertArrayEquals(
        new int[] {9, 21, 33, 46, 21, 43, 33, 29},
        draws(new Sampler(SamplingParams.usual(42), 50), noise(3, 50), 8));
  }

  @Test
  void shouldDrawTokensAsOftenAsTheirSoftmaxSays() {
    MemorySegment logits = row(0.5f, 2f, -1f, 1f, Float.NEGATIVE_INFINITY);
    for (float temperature : new float[] {0.5f, 1f, 2f}) {
      assertFrequencies(params(temperature, 0, 1f, 0f, 9), logits, true, true, true, true, false);
    }
  }

  @Test
  void shouldKeepOnlyTheTopKAndOfEqualsTheLowerIds() {
    assertFrequencies(
        params(1f, 2, 1f, 0f, 9), row(0, 5, 4, 5, 5), false, true, false, true, false);
    assertEquals(Set.of(1), tokens(params(3f, 1, 1f, 0f, 9), row(0, 5, 4, 5, 5)));
    assertEquals(3, tokens(params(9f, 100, 1f, 0f, 9), row(1, 2, 3)).size());
  }

  @Test
  void shouldKeepTheFewestTokensThatReachTopP() {
    MemorySegment logits = row(probabilities(0.1, 0.5, 0.15, 0.25));
    assertEquals(Set.of(1), tokens(params(1f, 0, 0.49f, 0f, 9), logits));
    assertEquals(Set.of(1, 3), tokens(params(1f, 0, 0.51f, 0f, 9), logits));
    assertEquals(Set.of(1, 3, 2), tokens(params(1f, 0, 0.8f, 0f, 9), logits));
    assertEquals(Set.of(1), tokens(params(1f, 0, 1e-6f, 0f, 9), logits));
    // After top-k 2 the shares are 2/3 and 1/3.
    assertEquals(Set.of(1), tokens(params(1f, 2, 0.66f, 0f, 9), logits));
    assertEquals(Set.of(1, 3), tokens(params(1f, 2, 0.67f, 0f, 9), logits));
  }

  @Test
  void shouldKeepTokensThatAreMinPAsLikelyAsTheBest() {
    MemorySegment logits = row(probabilities(0.1, 0.5, 0.15, 0.25));
    assertEquals(Set.of(0, 1, 2, 3), tokens(params(1f, 0, 1f, 0.19f, 9), logits));
    assertEquals(Set.of(1, 2, 3), tokens(params(1f, 0, 1f, 0.21f, 9), logits));
    assertEquals(Set.of(1, 3), tokens(params(1f, 0, 1f, 0.31f, 9), logits));
    assertEquals(Set.of(1), tokens(params(1f, 0, 1f, 1f, 9), logits));
  }

  @Test
  void shouldTruncateBeforeTemperature() {
    // At temperature 4 the second token would have 39% of the mass; top-p sees it without
    // temperature.
    MemorySegment logits = row(probabilities(0.86, 0.14));
    assertEquals(Set.of(0), tokens(params(4f, 0, 0.85f, 0f, 9), logits));
  }

  @Test
  void shouldStayGreedyAtATinyTemperature() {
    assertEquals(Set.of(2), tokens(params(Float.MIN_VALUE, 0, 1f, 0f, 9), row(1, 2, 3)));
  }

  @Test
  void shouldPenaliseWhatWasAcceptedWithinTheWindow() {
    Sampler sampler = new Sampler(new SamplingParams(0f, 0, 1f, 0f, 2f, 2, 0f, 0f, 1), 3);
    MemorySegment logits = row(4, 3, -1);
    sampler.accept(0);
    assertEquals(1, sampler.next(logits, 0), "4 / 2 is below 3");
    sampler.accept(1);
    assertEquals(0, sampler.next(logits, 0), "4 / 2 is above 3 / 2");
    sampler.accept(1);
    sampler.accept(2);
    assertEquals(0, sampler.next(row(1.6f, 3, -1), 0), "0 left the window, 1 did not");
    assertEquals(0, sampler.next(row(-3, Float.NEGATIVE_INFINITY, -2), 0), "-2 * 2 is below -3");
  }

  @Test
  void shouldSubtractPresenceOnceAndFrequencyForEachTime() {
    Sampler presence = new Sampler(new SamplingParams(0f, 0, 1f, 0f, 1f, 8, 1f, 0f, 1), 2);
    Sampler frequency = new Sampler(new SamplingParams(0f, 0, 1f, 0f, 1f, 8, 0f, 1f, 1), 2);
    for (Sampler sampler : List.of(presence, frequency)) {
      sampler.accept(0);
      sampler.accept(0);
    }
    assertEquals(0, presence.next(row(2.5f, 1), 0));
    assertEquals(1, frequency.next(row(2.5f, 1), 0));
    frequency.accept(1);
    frequency.accept(1);
    assertEquals(0, frequency.next(row(2.5f, 1), 0));
  }

  @Test
  void shouldForgetWhatLeftTheWindowAfterManyRounds() {
    Sampler sampler = new Sampler(new SamplingParams(0f, 0, 1f, 0f, 1f, 3, 10f, 0f, 1), 4);
    for (int i = 0; i < 1000; i++) {
      sampler.accept(i % 4);
      assertEquals((i + 1) % 4, sampler.next(row(1, 1, 1, 1), 0), "after " + i);
    }
  }

  @Test
  void shouldRefuseATokenOutsideTheVocabulary() {
    Sampler sampler = new Sampler(SamplingParams.greedy(), 3);
    assertThrows(IllegalArgumentException.class, () -> sampler.accept(3));
    assertThrows(IllegalArgumentException.class, () -> sampler.accept(-1));
    assertThrows(IllegalArgumentException.class, () -> new Sampler(SamplingParams.greedy(), 0));
  }

  @Test
  void shouldChooseAsASamplerThatSortsEverything() {
    SplittableRandom random = new SplittableRandom(17);
    for (int round = 0; round < 300; round++) {
      int vocab = 1 + random.nextInt(200);
      SamplingParams params =
          params(
              0.1f + random.nextFloat() * 2,
              1 + random.nextInt(60),
              0.05f + 0.9f * random.nextFloat(),
              random.nextFloat() * 0.3f,
              round);
      MemorySegment logits = noise(round, vocab);
      Sampler sampler = new Sampler(params, vocab);
      SplittableRandom draws = new SplittableRandom(round);
      for (int i = 0; i < 10; i++) {
        assertEquals(
            sorted(params, logits, draws.nextDouble()), sampler.next(logits, 0), "round " + round);
      }
    }
  }

  @Test
  void shouldChooseTheSameWithAndWithoutMaxima() {
    SplittableRandom random = new SplittableRandom(23);
    for (int round = 0; round < 400; round++) {
      int vocab = 1 + random.nextInt(1000);
      int topK = 1 + random.nextInt(random.nextBoolean() ? 8 : 60);
      SamplingParams params =
          random.nextInt(3) == 0
              ? SamplingParams.greedy()
              : params(0.1f + random.nextFloat() * 2, topK, 0.95f, 0f, round);
      MemorySegment logits = hardRows(random, vocab);
      MemorySegment maxima = maxima(logits, 3, vocab);
      for (int row = 0; row < 3; row++) {
        String plain = told(new Sampler(params, vocab), logits, MemorySegment.NULL, row);
        String known = told(new Sampler(params, vocab), logits, maxima, row);
        assertEquals(plain, known, "row " + row + " of " + vocab + " with " + params);
      }
    }
  }

  @Test
  void shouldLookOnlyWhereTheMaximaSayThatTheBestCanBe() {
    MemorySegment logits = noise(5, 1000);
    MemorySegment maxima = MemorySegment.ofArray(new float[Kernels.maximaOf(1000)]);
    maxima.asSlice(0, 4 * Float.BYTES).copyFrom(row(9, 9, -9, -9));
    for (int i = 4; i < Kernels.maximaOf(1000); i++) {
      maxima.setAtIndex(ValueLayout.JAVA_FLOAT, i, -9);
    }
    for (SamplingParams params :
        List.of(SamplingParams.greedy(), params(1f, 2, 1f, 0f, 3), params(2f, 2, 1f, 0f, 4))) {
      int token = new Sampler(params, 1000).next(logits, maxima, 0);
      assertTrue(token < 2 * Kernels.MAXIMA_RUN, "token " + token);
    }
  }

  @Test
  void shouldNotBelieveMaximaOfWhatIsPenalised() {
    Sampler sampler = new Sampler(new SamplingParams(0f, 0, 1f, 0f, 2f, 2, 0f, 0f, 1), 130);
    MemorySegment logits = MemorySegment.ofArray(new float[130]);
    logits.setAtIndex(ValueLayout.JAVA_FLOAT, 3, 4);
    logits.setAtIndex(ValueLayout.JAVA_FLOAT, 129, 3);
    MemorySegment maxima = maxima(logits, 1, 130);
    assertEquals(3, sampler.next(logits, maxima, 0));
    sampler.accept(3);
    assertEquals(129, sampler.next(logits, maxima, 0), "4 / 2 is below 3");
  }

  /** Rows with many equal logits, zeros of both signs, -infinity, and now and then no number. */
  private static MemorySegment hardRows(SplittableRandom random, int vocab) {
    float[] logits = new float[3 * vocab];
    float none = Float.NEGATIVE_INFINITY;
    float[] few = {-1f, -0f, 0f, 1f, none};
    for (int row = 0; row < 3; row++) {
      int kind = random.nextInt(4);
      for (int i = 0; i < vocab; i++) {
        float any = (float) random.nextDouble() * 20 - 15;
        logits[row * vocab + i] =
            switch (kind) {
              case 0 -> any;
              case 1 -> Math.round(any);
              case 2 -> few[random.nextInt(few.length)];
              default -> any < 0 ? none : any;
            };
      }
      if (random.nextInt(4) == 0) {
        float broken = random.nextBoolean() ? Float.NaN : Float.POSITIVE_INFINITY;
        logits[row * vocab + random.nextInt(vocab)] = broken;
        logits[row * vocab + random.nextInt(vocab)] = Float.NaN;
      }
    }
    return MemorySegment.ofArray(logits);
  }

  private static MemorySegment maxima(MemorySegment logits, int rows, int vocab) {
    MemorySegment maxima = MemorySegment.ofArray(new float[rows * Kernels.maximaOf(vocab)]);
    try (Kernels kernels = new ReferenceKernels()) {
      kernels.maxima(logits, rows, vocab, maxima);
    }
    return maxima;
  }

  /** Some tokens, or why there are none. */
  private static String told(Sampler sampler, MemorySegment logits, MemorySegment maxima, int row) {
    StringBuilder told = new StringBuilder();
    try {
      for (int i = 0; i < 8; i++) {
        told.append(sampler.next(logits, maxima, row)).append(' ');
      }
    } catch (IllegalStateException e) {
      told.append(e.getMessage());
    }
    return told.toString();
  }

  @Test
  void shouldNotAllocateOnceItRuns() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    MemorySegment logits = noise(1, 4096);
    SamplingParams penalising = new SamplingParams(0.8f, 40, 0.9f, 0.05f, 1.1f, 64, 0.1f, 0.1f, 3);
    for (SamplingParams params :
        List.of(penalising, params(1f, 0, 0.9f, 0f, 3), drawFromAll(3), SamplingParams.greedy())) {
      Sampler sampler = new Sampler(params, 4096);
      run(sampler, logits, 3000);
      long before = threads.getCurrentThreadAllocatedBytes();
      run(sampler, logits, 500);
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < 500, allocated + " bytes in 500 draws with " + params);
    }
  }

  private static void run(Sampler sampler, MemorySegment logits, int count) {
    for (int i = 0; i < count; i++) {
      sampler.accept(sampler.next(logits, 0));
    }
  }

  /** What {@link Sampler} promises, written down plainly. */
  private static int sorted(SamplingParams params, MemorySegment logits, double random) {
    float[] values = logits.toArray(ValueLayout.JAVA_FLOAT);
    List<Integer> ids = new ArrayList<>();
    for (int id = 0; id < values.length; id++) {
      ids.add(id);
    }
    ids.sort(Comparator.comparingDouble((Integer id) -> -values[id]));
    float max = values[ids.getFirst()];
    ids = ids.subList(0, Math.min(params.topK(), values.length));
    double mass =
        ids.stream().mapToDouble(id -> Numerics.exp(values[id] - max)).reduce(0, Double::sum);
    List<Integer> kept = new ArrayList<>();
    double reached = 0;
    for (int id : ids) {
      float relative = Numerics.exp(values[id] - max);
      if (!kept.isEmpty() && (reached >= params.topP() * mass || relative < params.minP())) {
        break;
      }
      kept.add(id);
      reached += relative;
    }
    double total =
        kept.stream().mapToDouble(id -> tempered(values[id] - max, params)).reduce(0, Double::sum);
    double sum = 0;
    for (int id : kept) {
      sum += tempered(values[id] - max, params);
      if (sum > random * total) {
        return id;
      }
    }
    return kept.getLast();
  }

  private static float tempered(float relative, SamplingParams params) {
    return Numerics.exp(relative / params.temperature());
  }

  private static void assertFrequencies(
      SamplingParams params, MemorySegment logits, boolean... kept) {
    Map<Integer, Integer> counts = new HashMap<>();
    for (int token : draws(new Sampler(params, kept.length), logits, DRAWS)) {
      counts.merge(token, 1, Integer::sum);
    }
    double[] weights = new double[kept.length];
    for (int id = 0; id < kept.length; id++) {
      weights[id] =
          kept[id]
              ? Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, id) / params.temperature())
              : 0;
    }
    double total = Arrays.stream(weights).sum();
    for (int id = 0; id < kept.length; id++) {
      double share = weights[id] / total;
      double fiveSigma = 5 * Math.sqrt(share * (1 - share) / DRAWS);
      assertEquals(
          share, counts.getOrDefault(id, 0) / (double) DRAWS, fiveSigma + 1e-9, "token " + id);
    }
  }

  private static Set<Integer> tokens(SamplingParams params, MemorySegment logits) {
    Set<Integer> tokens = new HashSet<>();
    for (int token :
        draws(new Sampler(params, (int) (logits.byteSize() / Float.BYTES)), logits, 2000)) {
      tokens.add(token);
    }
    return tokens;
  }

  private static int[] draws(Sampler sampler, MemorySegment logits, int count) {
    int[] tokens = new int[count];
    for (int i = 0; i < count; i++) {
      tokens[i] = sampler.next(logits, 0);
    }
    return tokens;
  }

  private static SamplingParams params(
      float temperature, int topK, float topP, float minP, long seed) {
    return new SamplingParams(temperature, topK, topP, minP, 1f, 0, 0f, 0f, seed);
  }

  private static SamplingParams drawFromAll(long seed) {
    return params(1f, 0, 1f, 0f, seed);
  }

  private static float[] probabilities(double... shares) {
    float[] logits = new float[shares.length];
    for (int i = 0; i < shares.length; i++) {
      logits[i] = (float) Math.log(shares[i]);
    }
    return logits;
  }

  private static MemorySegment noise(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] logits = new float[count];
    for (int i = 0; i < count; i++) {
      logits[i] = (float) (random.nextDouble() * 12 - 8);
    }
    return MemorySegment.ofArray(logits);
  }

  private static MemorySegment row(float... logits) {
    return MemorySegment.ofArray(logits);
  }
}
