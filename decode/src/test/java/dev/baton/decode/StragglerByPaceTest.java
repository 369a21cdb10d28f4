package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;

class StragglerByPaceTest {
  private static final long MS = 1_000_000;
  private static final long START_NS = -5_000 * MS; // nanoTime may be negative
  private static final long ORDERED_BYTES = 20_000_000;

  private String reason = "";

  @Test
  void shouldLeaveALinkThatIsAHundredTimesTooSlowAndSayBothTimes() {
    long left = leftAt(atMs -> atMs * 200, 2_000);
    assertEquals(800, left);
    assertEquals("the link brings 0.2 MB/s: the rest would take 99 s, here 2.0 s", reason);
  }

  @Test
  void shouldLeaveALinkThatBreaksDownInMidTransfer() {
    long left =
        leftAt(atMs -> atMs < 3_000 ? atMs * 5_000 : 15_000_000 + (atMs - 3_000) * 50, 4_000);
    assertTrue(left > 3_000 && left <= 4_800, "left at " + left);
  }

  @Test
  void shouldLeaveANodeThatBringsNothingOnceThatHasTakenLongerThanTheWorkHere() {
    assertEquals(1_800, leftAt(atMs -> 0, 300));
    assertTrue(leftAt(atMs -> 0, 2_000) > 3_000);
    long left = leftAt(atMs -> Math.min(atMs, 1_000) * 10_000, 1_000);
    assertTrue(left > 2_500 && left < 3_000, "left at " + left);
    assertTrue(reason.startsWith("nothing has come for"), reason);
  }

  @Test
  void shouldStayWithANodeAsSlowAsThisOneHoweverUnevenlyItSends() {
    for (int seed = 0; seed < 300; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int wholeMs = 100 + random.nextInt(20_000);
      int burstMs = 1 + random.nextInt(Math.max(1, wholeMs / 8));
      double slower = 0.5 + 0.7 * random.nextDouble();
      LongUnaryOperator arrived =
          atMs ->
              atMs >= wholeMs ? ORDERED_BYTES : atMs / burstMs * burstMs * ORDERED_BYTES / wholeMs;
      StragglerByPace node = new StragglerByPace(START_NS, ORDERED_BYTES, false);
      for (long atMs = 0; arrived.applyAsLong(atMs) < ORDERED_BYTES; atMs++) {
        long nowNs = START_NS + atMs * MS;
        if (node.isLookDue(nowNs)) {
          long bytes = arrived.applyAsLong(atMs);
          node.look(nowNs, bytes);
          long hereMs = Math.round((wholeMs - bytes * wholeMs / ORDERED_BYTES) / slower);
          assertFalse(
              node.isOver(hereMs * MS),
              "seed " + seed + " at " + atMs + " of " + wholeMs + " ms, bursts of " + burstMs);
        }
      }
    }
  }

  @Test
  void shouldNotJudgeAPauseThatEnds() {
    // One slow look between good ones.
    StragglerByPace node = new StragglerByPace(START_NS, ORDERED_BYTES, false);
    for (int i = 1; i < 50; i++) {
      node.look(START_NS + i * 200 * MS, i * 1_000L);
      boolean comparable = i % 2 == 0;
      assertFalse(node.isOver(comparable ? MS : Long.MAX_VALUE));
    }
  }

  @Test
  void shouldLeaveANodeThatBringsNothingForAMinuteEvenWhenPatient() {
    StragglerByPace node = new StragglerByPace(START_NS, ORDERED_BYTES, true);
    for (long atS = 1; atS <= 130; atS++) {
      long nowNs = START_NS + atS * 1_000 * MS;
      node.look(nowNs, Math.min(atS, 70) * 1_000); // as slow as can be, then dead
      assertFalse(node.compares());
      assertFalse(node.isOver(0), "left after " + atS + " s");
    }
    node.look(START_NS + 131_000 * MS, 70_000);
    assertTrue(node.isOver(Long.MAX_VALUE));
    assertEquals("nothing has come for 61 s", node.reason(START_NS + 131_000 * MS, Long.MAX_VALUE));
  }

  /** When it was left, in ms since the order, with a constant time that it would take here. */
  private long leftAt(LongUnaryOperator bytesAtMs, long hereMs) {
    StragglerByPace node = new StragglerByPace(START_NS, ORDERED_BYTES, false);
    for (long atMs = 0; atMs < 20_000; atMs += 50) {
      long nowNs = START_NS + atMs * MS;
      if (node.isLookDue(nowNs)) {
        node.look(nowNs, bytesAtMs.applyAsLong(atMs));
        if (node.isOver(hereMs * MS)) {
          reason = node.reason(nowNs, hereMs * MS);
          return atMs;
        }
      }
    }
    throw new AssertionError("never left");
  }
}
