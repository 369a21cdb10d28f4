package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;

class StragglerByForecastTest {
  private static final long MS = 1_000_000;
  private static final long START_NS = -5_000 * MS; // nanoTime may be negative
  private static final long BYTES = 1_000_000;
  private static final long NEVER = -1;

  /** A node that is predicted to take a second. */
  private static final long PREDICTED_MS = 1_000;

  private String reason = "";
  private double timesSlower;

  @Test
  void shouldLeaveANodeThatIsSlowFromTheBeginningOnAsSoonAsItShows() {
    long left = leftAt(atMs -> slowed(atMs, 0), 1_500);
    assertTrue(left >= 100 && left <= 600, "left at " + left);
    assertTrue(timesSlower > 10, timesSlower + " times");
    assertTrue(
        reason.matches(
            "the prefill node fell .* s behind its prediction: the rest would take .* s, here 1.5"
                + " s"),
        reason);
  }

  @Test
  void shouldCostNoMoreThanHalfBeyondTheBestPlanThatKnewWheneverANodeIsSlowedTo3Percent() {
    for (long slowMs = 0; slowMs <= 900; slowMs += 50) {
      for (long hereMs : new long[] {1_100, 1_500, 3_000, 10_000}) {
        for (int pieces : new int[] {(int) BYTES, 48, 8, 2}) {
          long at = slowMs;
          long piece = BYTES / pieces;
          LongUnaryOperator arrived = atMs -> slowed(atMs, at) / piece * piece;
          long left = leftAt(arrived, hereMs);
          assertTrue(left != NEVER, "never left when slowed at " + slowMs + ", here " + hereMs);
          double done = (double) arrived.applyAsLong(left) / BYTES;
          double took = left + hereMs * (1 - done);
          double before = (double) arrived.applyAsLong(slowMs) / BYTES;
          double knew = Math.min(hereMs, slowMs + hereMs * (1 - before));
          assertTrue(
              took <= 1.5 * knew,
              slowMs + ", here " + hereMs + " in " + pieces + ": " + took + " over " + knew);
        }
      }
    }
  }

  @Test
  void shouldStayWithANodeThatIsHeldUpForAMomentWhereTheRestIsSoonerThere() {
    for (long pauseMs = 100; pauseMs <= 400; pauseMs += 50) {
      for (long atMs = 0; atMs <= 800; atMs += 100) {
        long from = atMs;
        long until = atMs + pauseMs;
        LongUnaryOperator held = ms -> ms < from ? ms : ms < until ? from : ms - (until - from);
        long left = leftAt(ms -> held.applyAsLong(ms) * BYTES / PREDICTED_MS, 5_000);
        assertEquals(NEVER, left, "held up at " + atMs + " for " + pauseMs + " ms");
        if (atMs <= 200) {
          left = leftAt(ms -> held.applyAsLong(ms) * BYTES / PREDICTED_MS, 1_600);
          assertEquals(NEVER, left, "held up early, for " + pauseMs + " ms");
        }
      }
    }
  }

  @Test
  void shouldStayWithANodeThatIsLateButSoonerThanThisOne() {
    assertEquals(NEVER, leftAt(ms -> ms * BYTES / (5 * PREDICTED_MS), 20_000));
  }

  @Test
  void shouldStayWithANodeThatIsAsPredictedHoweverUnevenlyItSends() {
    for (int seed = 0; seed < 200; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      long burstMs = 1 + random.nextInt(90);
      double slower = 0.5 + random.nextDouble();
      long left =
          leftAt(
              ms ->
                  Math.min(BYTES, (long) (ms / burstMs * burstMs * BYTES / slower / PREDICTED_MS)),
              (long) (1_200 * slower));
      assertEquals(NEVER, left, "seed " + seed);
    }
  }

  /** As predicted until then, and at 3% of that from then on, three milliseconds in a hundred. */
  private static long slowed(long atMs, long fromMs) {
    long ran = atMs;
    if (atMs > fromMs) {
      long after = atMs - fromMs;
      ran = fromMs + after / 100 * 3 + Math.max(0, after % 100 - 97);
    }
    return Math.min(BYTES, ran * BYTES / PREDICTED_MS);
  }

  /** When it was left, in ms since the order, with so long for the whole prompt here. */
  private long leftAt(LongUnaryOperator bytesAtMs, long hereMs) {
    PrefillForecast forecast =
        new PrefillForecast(
            new double[] {0, 0.5, 1},
            new long[] {0, PREDICTED_MS / 2 * MS, PREDICTED_MS * MS},
            hereMs * MS);
    StragglerByForecast node = new StragglerByForecast(forecast, START_NS, BYTES);
    for (long atMs = 0; bytesAtMs.applyAsLong(atMs) < BYTES; atMs++) {
      long nowNs = START_NS + atMs * MS;
      if (node.isLookDue(nowNs)) {
        long bytes = bytesAtMs.applyAsLong(atMs);
        node.look(nowNs, bytes);
        long restMs = hereMs - hereMs * bytes / BYTES;
        if (node.isOver(restMs * MS)) {
          reason = node.reason(nowNs, restMs * MS);
          timesSlower = node.timesSlower();
          return atMs;
        }
      }
    }
    return NEVER;
  }
}
