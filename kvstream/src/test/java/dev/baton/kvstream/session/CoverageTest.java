package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CoverageTest {
  @Test
  void shouldAgreeWithABitSetForAnyMarks() {
    SplittableRandom random = new SplittableRandom(7);
    for (int round = 0; round < 500; round++) {
      int first = random.nextInt(200);
      int end = first + 1 + random.nextInt(300);
      Coverage coverage = new Coverage(2, first, end);
      BitSet expected = new BitSet();
      for (int marks = 0; marks < 40; marks++) {
        int from = random.nextInt(first, end);
        int tokens = 1 + random.nextInt(Math.min(end - from, 1 + random.nextInt(150)));
        int before = expected.get(from, from + tokens).cardinality();
        assertEquals(before, coverage.count(1, from, tokens));
        assertEquals(tokens - before, coverage.mark(1, from, tokens), "seed 7, round " + round);
        expected.set(from, from + tokens);
        assertEquals(Math.min(end, expected.nextClearBit(first)), coverage.prefix(1));
        int probe = random.nextInt(first, end);
        assertEquals(Math.min(end, expected.nextClearBit(probe)), coverage.firstMissing(1, probe));
        assertEquals(expected.cardinality() == end - first, coverage.isFull(1));
        assertEquals(first, coverage.prefix(0), "the other layer is untouched");
      }
    }
  }

  @Test
  void shouldCountATokenOnceHoweverOftenItComes() {
    Coverage coverage = new Coverage(1, 0, 130);
    assertEquals(130, coverage.mark(0, 0, 130));
    assertEquals(0, coverage.mark(0, 0, 130));
    assertEquals(0, coverage.mark(0, 64, 1));
    assertTrue(coverage.isFull(0));
  }

  @Test
  void shouldNotBeFullWhenTheLastTokenIsMissing() {
    Coverage coverage = new Coverage(1, 5, 69);
    assertEquals(63, coverage.mark(0, 5, 63));
    assertFalse(coverage.isFull(0));
    assertEquals(68, coverage.prefix(0));
    assertEquals(1, coverage.mark(0, 68, 1));
    assertTrue(coverage.isFull(0));
    assertEquals(69, coverage.firstMissing(0, 69));
  }

  @Test
  void shouldRefuseAnEmptyRange() {
    assertThrows(IllegalArgumentException.class, () -> new Coverage(1, 5, 5));
    assertThrows(IllegalArgumentException.class, () -> new Coverage(0, 0, 5));
  }
}
