package dev.baton.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StepBudgetTest {
  private static final int CHUNK = 128;
  private static final long MS = 1_000_000;
  private static final long STEP_NS = 15 * MS;

  private final StepBudget budget = new StepBudget(CHUNK, 0);

  /** What a device takes whose tokens get dearer with their depth. */
  private static long passNs(int rows, int tokens, int depth) {
    return (rows > 0 ? STEP_NS : STEP_NS / 2) + tokens * (600_000L + 150L * depth);
  }

  private int step(int rows, int left, int position) {
    budget.begin(rows, 0);
    return budget.take(left, position);
  }

  @Test
  void shouldGiveAPromptTheWholeChunkWhereNobodyDecodes() {
    assertEquals(CHUNK, step(0, 4000, 0));
    for (int i = 0; i < 20; i++) {
      budget.ran(0, CHUNK, 0, 900 * MS);
    }
    assertEquals(CHUNK, step(0, 4000, 0));
    assertEquals(100, step(0, 100, 0));
  }

  @Test
  void shouldKeepEveryPassUnderTheBoundWhateverTheDepth() {
    for (int i = 0; i < 5; i++) {
      budget.ran(1, 0, 0, STEP_NS);
    }
    int most = 0;
    for (int prompt = 0; prompt < 5; prompt++) {
      for (int at = 0; at < 4000; ) {
        int tokens = step(1, 4000 - at, at);
        boolean isLast = at + tokens == 4000;
        assertTrue(
            isLast || tokens == 16 || (tokens > 16 && (tokens + 1) % 8 == 0), "chunk " + tokens);
        long ns = passNs(1, tokens, at);
        assertTrue(ns <= 50 * MS, tokens + " tokens at " + at + " took " + ns);
        budget.ran(1, tokens, at, ns);
        most = Math.max(most, tokens);
        at += tokens;
      }
    }
    assertEquals(55, most, "tokens of 48 ms that are left of a step of 15");
  }

  @Test
  void shouldGrowOnlyFromWhatIsKnownToFit() {
    budget.ran(1, 0, 0, STEP_NS);
    int before = step(1, 4000, 0);
    assertEquals(16, before);
    // Up to a point a pass that streams weights takes no longer with some tokens more.
    for (int i = 0; i < 50; i++) {
      long ns = Math.max(STEP_NS, before * 600_000L);
      assertTrue(ns <= 50 * MS, before + " tokens");
      budget.ran(1, before, 0, ns);
      int next = step(1, 4000, 0);
      before = next;
    }
    assertTrue(before >= 48, "got no further than " + before);
  }

  @Test
  void shouldCountWhatTheRowsHaveWaitedAlready() {
    budget.ran(1, 0, 0, STEP_NS);
    for (int i = 0; i < 5; i++) {
      int tokens = step(1, 4000, 0);
      budget.ran(1, tokens, 0, STEP_NS + tokens * 400_000L);
    }
    int atOnce = step(1, 4000, 0);
    budget.begin(1, 15 * MS);
    int late = budget.take(4000, 0);
    assertTrue(atOnce >= 48 && late < atOnce, atOnce + " and " + late);
    budget.begin(1, 500 * MS);
    assertEquals(16, budget.take(4000, 0), "prompts get on in any case");
    assertEquals(0, budget.take(4000, 0));
  }

  @Test
  void shouldFillAStepWithFurtherPromptsWhileThereIsTimeAndRoom() {
    for (int i = 0; i < 3; i++) {
      budget.ran(1, 32, 0, 5 * MS);
      budget.ran(1, 64, 0, 7 * MS);
    }
    budget.begin(1, 0);
    assertEquals(9, budget.take(9, 0));
    assertEquals(20, budget.take(20, 0));
    assertEquals(98, budget.take(1000, 0), "of the 99 that there is room for: a batch of 128");
    assertEquals(1, budget.take(1, 0));
    assertEquals(0, budget.take(1000, 0));
  }

  @Test
  void shouldBoundWhatRidesWithAFirstToken() {
    for (int i = 0; i < 3; i++) {
      budget.ran(0, CHUNK, 0, CHUNK * MS);
    }
    budget.begin(0, 0);
    assertEquals(9, budget.take(9, 0));
    int others = budget.take(1000, 0);
    assertTrue(others <= 31, "with a first token ride " + others);
    budget.begin(0, 0);
    assertEquals(CHUNK, budget.take(1000, 0));
    assertEquals(0, budget.take(1000, 0));
  }

  @Test
  void shouldTakeTheBoundThatIsAskedForElseFiftyMillisecondsOrTwoSteps() {
    assertEquals(50 * MS, budget.boundNs(1));
    for (int i = 0; i < 3; i++) {
      budget.ran(8, 0, 0, 40 * MS);
    }
    assertEquals(80 * MS, budget.boundNs(8));
    StepBudget asked = new StepBudget(CHUNK, 20 * MS);
    asked.ran(8, 0, 0, 40 * MS);
    assertEquals(20 * MS, asked.boundNs(8));
    assertThrows(IllegalArgumentException.class, () -> new StepBudget(0, 0));
    assertThrows(IllegalArgumentException.class, () -> new StepBudget(1, -1));
  }

  @Test
  void shouldBoundSharesOfLayersByWhatTheyCost() {
    for (int i = 0; i < 6; i++) {
      budget.ran(1, 0, 0, STEP_NS);
      budget.ranShare(64, 0, 0.5, 16 * MS); // half a millisecond a token through all layers
      budget.ran(1, 64, 0, STEP_NS + 32 * MS);
    }
    budget.begin(1, 0);
    int whole = budget.take(1000, 0);
    budget.begin(1, 0);
    int half = budget.takeShare(1000, 0, 0.5);
    assertTrue(
        whole % 8 == 7 && half >= 2 * whole && half <= 2 * whole + 16, whole + " and " + half);
    budget.begin(0, 0);
    assertEquals(2 * CHUNK, budget.takeShare(1000, 0, 0.5));
  }

  @Test
  void shouldForgetOnePassThatWasInterrupted() {
    SplittableRandom random = new SplittableRandom(3);
    int before = 0;
    for (int i = 0; i < 200; i++) {
      int tokens = step(1, 4000, 0);
      if (i == 150) {
        before = tokens;
      }
      budget.ran(
          1, tokens, 0, i == 150 ? 400 * MS : passNs(1, tokens, 0) + random.nextInt(100_000));
      if (i % 20 == 0) {
        budget.ran(1, 0, 0, STEP_NS);
      }
    }
    assertEquals(before, step(1, 4000, 0));
  }

  @Test
  void shouldPlanSoThatAboutOnePassInAHundredIsOverTheBound() {
    for (double noise : new double[] {0.01, 0.03, 0.1}) {
      SplittableRandom random = new SplittableRandom(9);
      for (int i = 0; i < 5; i++) {
        budget.ran(1, 0, 0, STEP_NS);
      }
      int over = 0;
      long spentNs = 0;
      for (int i = 0; i < 4_000; i++) {
        int tokens = step(1, 4000, 0);
        long ns = Math.round(passNs(1, tokens, 0) * (1 + noise * random.nextGaussian()));
        budget.ran(1, tokens, 0, ns);
        over += i >= 1_000 && ns > 50 * MS ? 1 : 0;
        spentNs += i >= 1_000 ? ns : 0;
      }
      assertTrue(over <= 60, over + " of 3,000 passes were over the bound, noise " + noise);
      assertTrue(spentNs >= 3_000 * 38 * MS, "a pass took " + spentNs / 3_000 + " ns of 50 ms");
    }
  }

  /** 16 layers: behind each a pass may pause. */
  private void pauses() {
    budget.passesPauseBehind(1.0 / 16);
    for (int i = 0; i < 5; i++) {
      budget.ran(1, 0, 0, STEP_NS);
      budget.ran(0, CHUNK, 2000, passNs(0, CHUNK, 2000)); // 123 ms
      budget.ran(0, 32, 0, passNs(0, 32, 0)); // 27 ms
    }
  }

  @Test
  void shouldLeaveAChunkWholeThatPausesForTheRows() {
    pauses();
    assertEquals(CHUNK, step(1, 4000, 2000));
    assertTrue(budget.rowsApart());
    assertEquals(0, budget.take(4000, 0), "the chunk has all of the room");
  }

  @Test
  void shouldTakeRowsAlongWhereAChunkLeavesThemTime() {
    pauses();
    assertEquals(20, step(1, 20, 0));
    assertFalse(budget.rowsApart());
    assertEquals(0, budget.take(4000, 2000), "those in the batch would wait for it");
    assertEquals(10, budget.take(10, 0));
  }

  @Test
  void shouldHaveNoLayerTakeLongerThanRowsMayWait() {
    pauses();
    StepBudget asked = new StepBudget(CHUNK, 20 * MS);
    asked.passesPauseBehind(1.0 / 16);
    for (int i = 0; i < 50; i++) {
      asked.ran(1, 0, 0, STEP_NS);
      asked.ran(0, CHUNK, 2000, passNs(0, CHUNK, 2000));
    }
    asked.begin(1, 0);
    int tokens = asked.take(4000, 2000);
    assertTrue(asked.rowsApart());
    assertTrue(tokens > 32 && tokens < CHUNK, tokens + " tokens");
    long layerNs = passNs(0, tokens, 2000) / 16;
    assertTrue(layerNs + STEP_NS <= 20 * MS, tokens + " tokens, a layer of " + layerNs);
  }

  @Test
  void shouldTakeLittleWholeOrNotAtAllWithinAPause() {
    pauses();
    budget.begin(0, 0);
    assertEquals(20, budget.takeWhole(20, 0));
    assertEquals(0, budget.takeWhole(20, 0), "together they are not little");
    assertEquals(12, budget.takeWhole(12, 0));
    budget.begin(1, 40 * MS);
    assertEquals(0, budget.takeWhole(20, 2000), "the rows have no time for it");
  }

  @Test
  void shouldPauseForRowsWhileThereIsTimeForThem() {
    pauses();
    long dueNs = budget.dueNs(1, 1000 * MS);
    assertTrue(dueNs <= 1000 * MS + 50 * MS - STEP_NS, "due at " + dueNs);
    assertTrue(dueNs >= 1000 * MS + 45 * MS - STEP_NS, "due at " + dueNs);
  }
}
