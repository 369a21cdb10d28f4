package dev.baton.learn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.journal.Entries;
import dev.baton.journal.JournalEntry;
import dev.baton.journal.JournalEntry.Phases;
import dev.baton.plan.Correction;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CorrectionsTest {
  private static final int SEEDS = 500;
  private static final double NOISE = 0.05;
  private static final String NODE = "here";

  @Test
  void shouldTrustTheModelOfANodeThatItHasNotSeen() {
    assertEquals(Correction.NONE, new Corrections().of("nobody", Entries.TOKENS));
  }

  @Test
  void shouldKeepNodesAndPhasesApart() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 5; i++) {
      corrections.observe(Entries.measured(new Phases(1, 1, 1), new Phases(3, 2, 0.5)));
    }
    assertEquals(3, corrections.of("10.0.0.7:4400", Entries.TOKENS).prefill(), 1e-9);
    assertEquals(1, corrections.of("10.0.0.7:4400", Entries.TOKENS).decode());
    assertEquals(2, corrections.of(NODE, Entries.TOKENS).prefill(), 1e-9);
    assertEquals(0.5, corrections.of(NODE, Entries.TOKENS).decode(), 1e-9);
  }

  @Test
  void shouldLearnWhatASharedPromptsPartTakesBeyondAWholeOne() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 40; i++) {
      corrections.observe(Entries.measured(new Phases(1, 1, 0), new Phases(1.3, 0.8, 0)));
      corrections.observe(
          Entries.alone(Entries.TOKENS, new Phases(0, 1, 0), new Phases(0, 1.1, 0)));
    }
    assertEquals(1.1, corrections.of(NODE, Entries.TOKENS).prefill(), 0.03);
    assertEquals(0.8, corrections.of(NODE, Entries.TOKENS).shared(), 0.03);
    assertEquals(1.3, corrections.of("10.0.0.7:4400", Entries.TOKENS).shared(), 0.03);
  }

  @Test
  void shouldLearnShortAndLongPromptsApartAndOthersFromTheNearest() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 5; i++) {
      corrections.observe(Entries.alone(70, new Phases(0, 1, 0), new Phases(0, 1.15, 0)));
      corrections.observe(Entries.alone(3000, new Phases(0, 1, 0), new Phases(0, 0.9, 0)));
    }
    assertEquals(1.15, corrections.of(NODE, 64).prefill(), 1e-9);
    assertEquals(1.15, corrections.of(NODE, 200).prefill(), 1e-9);
    assertEquals(1.15, corrections.of(NODE, 1).shared(), 1e-9);
    assertEquals(0.9, corrections.of(NODE, 1500).prefill(), 1e-9);
    assertEquals(0.9, corrections.of(NODE, 4000).prefill(), 1e-9);
  }

  @Test
  void shouldTakeANodeThatBecameSlowAtShortPromptsToBeSoAtLongOnes() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 40; i++) {
      corrections.observe(Entries.alone(70, new Phases(0, 1, 0), new Phases(0, 1, 0)));
      corrections.observe(Entries.alone(3000, new Phases(0, 1, 0), new Phases(0, 0.9, 0)));
    }
    for (int i = 0; i < 3; i++) {
      corrections.observe(Entries.alone(70, new Phases(0, 1, 0), new Phases(0, 2, 0)));
    }
    assertEquals(2, corrections.of(NODE, 70).prefill(), 1e-9);
    assertEquals(1.8, corrections.of(NODE, 3000).prefill(), 1e-9);
    for (int i = 0; i < 3; i++) {
      corrections.observe(Entries.alone(3000, new Phases(0, 1, 0), new Phases(0, 0.9, 0)));
    }
    assertEquals(0.9, corrections.of(NODE, 3000).prefill(), 1e-9);
  }

  /** By less than what a single request's noise may be, so that no three of them show it. */
  @Test
  void shouldFollowANodeThatBecomesALittleSlowerWithPromptsOfAllLengths() {
    Corrections corrections = new Corrections();
    int[] lengths = {40, 70, 150, 300, 600, 1200, 2500, 5000};
    for (int i = 0; i < 320; i++) {
      corrections.observe(
          Entries.alone(lengths[i % lengths.length], new Phases(0, 1, 0), new Phases(0, 1, 0)));
    }
    for (int length : lengths) {
      corrections.observe(Entries.alone(length, new Phases(0, 1, 0), new Phases(0, 1.15, 0)));
    }
    for (int length : lengths) {
      assertEquals(1.15, corrections.of(NODE, length).prefill(), 0.02, length + " tokens");
    }
  }

  @Test
  void shouldTakeANodeThatBecameSlowWhereItSharesToBeSoAlone() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 5; i++) {
      corrections.observe(Entries.measured(new Phases(1, 1, 0), new Phases(1, 3, 0)));
    }
    assertEquals(3, corrections.of(NODE, Entries.TOKENS).prefill(), 0.03);
    assertEquals(3, corrections.of(NODE, Entries.TOKENS).shared(), 0.03);
  }

  @Test
  void shouldNotWanderWithNoise() {
    int far = 0;
    int observations = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      Run run = new Run(seed);
      for (int i = 0; i < 400; i++, observations++) {
        far += Math.abs(run.observe(1) - 1) > NOISE ? 1 : 0;
      }
    }
    assertTrue(far <= observations / 1000, far + " of " + observations + " factors wander");
  }

  @ParameterizedTest
  @CsvSource({"2, 0", "2, 1", "2, 7", "2, 300", "0.5, 300", "4, 300", "1.5, 300", "3, 2"})
  void shouldNoticeWithinFiveRequestsThatANodeBecomesSlower(double slowdown, int before) {
    for (int seed = 0; seed < SEEDS; seed++) {
      Run run = new Run(seed);
      run.observe(1, before);
      assertWithinAFifth(slowdown, run.observe(slowdown, 5), seed);
      for (int i = 0; i < 100; i++) {
        assertWithinAFifth(slowdown, run.observe(slowdown), seed);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {5, 6, 10, 300})
  void shouldNoticeWithinTenRequestsThatANodeRecovers(int slow) {
    for (int seed = 0; seed < SEEDS; seed++) {
      Run run = new Run(seed);
      run.observe(1, 20);
      run.observe(2, slow);
      assertWithinAFifth(1, run.observe(1, 10), seed);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {100, 8, 2, 0.5, 0.01})
  void shouldNotBelieveASingleOutlier(double outlier) {
    for (int seed = 0; seed < SEEDS; seed++) {
      for (int before : new int[] {0, 1, 3, 10, 40}) {
        // The median of few is as noisy as they are.
        double tolerance = before < 10 ? 3 * NOISE : 1.5 * NOISE;
        Run run = new Run(seed);
        run.observe(1, before);
        double factor = run.observe(outlier);
        for (int i = 0; i < 10; i++) {
          assertEquals(1, factor, tolerance, "seed " + seed + ", after " + before + " + " + i);
          factor = run.observe(1);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {20, 0.05})
  void shouldNoticeAChangeInSpiteOfAnOutlierInIt(double outlier) {
    for (int seed = 0; seed < SEEDS; seed++) {
      for (int at = 0; at < 4; at++) {
        Run run = new Run(seed);
        run.observe(1, 30);
        run.observe(2, at);
        run.observe(outlier);
        assertWithinAFifth(2, run.observe(2, 4 - at), seed);
      }
    }
  }

  @Test
  void shouldStayWithinItsBounds() {
    Run run = new Run(1);
    assertEquals(Corrections.LARGEST_FACTOR, run.observe(1e300, 50), 1e-9);
    assertEquals(1 / Corrections.LARGEST_FACTOR, run.observe(1e-300, 50), 1e-9);
  }

  @Test
  void shouldLearnNothingFromAFallbackOrAPhaseThatDidNotRun() {
    Corrections corrections = new Corrections();
    for (int i = 0; i < 10; i++) {
      corrections.observe(
          Entries.entry(1, new Phases(1, 1, 1), new Phases(4, 4, 4), "the node was gone"));
      corrections.observe(Entries.measured(new Phases(1, 0, 1), new Phases(0, 1, 0)));
    }
    assertEquals(Correction.NONE, corrections.of(NODE, Entries.TOKENS));
    assertEquals(Correction.NONE, corrections.of("10.0.0.7:4400", Entries.TOKENS));
  }

  @Test
  void shouldLearnTheSameFromAReplay() {
    SplittableRandom random = new SplittableRandom(9);
    Corrections live = new Corrections();
    List<JournalEntry> entries = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      double slowdown = random.nextInt(10) == 0 ? random.nextDouble(0.1, 9) : 1 + i / 300;
      JournalEntry entry =
          Entries.measured(
              new Phases(1, 2, 3),
              new Phases(slowdown, random.nextDouble(0.5, 2), random.nextDouble(2, 4)));
      entries.add(entry);
      live.observe(entry);
      if (i % 100 == 99) {
        Corrections replayed = new Corrections();
        entries.forEach(replayed::observe);
        assertEquals(live.of(NODE, Entries.TOKENS), replayed.of(NODE, Entries.TOKENS));
        assertEquals(
            live.of("10.0.0.7:4400", Entries.TOKENS), replayed.of("10.0.0.7:4400", Entries.TOKENS));
      }
    }
  }

  private static void assertWithinAFifth(double truth, double factor, int seed) {
    assertEquals(1, factor / truth, 0.2, "seed " + seed);
  }

  /** Requests of one node, whose times are noisy. */
  private static final class Run {
    private final SplittableRandom random;
    private final Corrections corrections = new Corrections();

    Run(int seed) {
      random = new SplittableRandom(seed);
    }

    /** The factor after a request that took {@code slowdown} times as long as modelled. */
    double observe(double slowdown) {
      double measured = 0.8 * slowdown * Math.exp(NOISE * random.nextGaussian());
      corrections.observe(Entries.measured(new Phases(0, 0, 0.8), new Phases(0, 0, measured)));
      return corrections.of(NODE, Entries.TOKENS).decode();
    }

    double observe(double slowdown, int times) {
      double factor = corrections.of(NODE, Entries.TOKENS).decode();
      for (int i = 0; i < times; i++) {
        factor = observe(slowdown);
      }
      return factor;
    }
  }
}
