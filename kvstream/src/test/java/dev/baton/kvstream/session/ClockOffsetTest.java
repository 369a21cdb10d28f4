package dev.baton.kvstream.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ClockOffsetTest {
  @Test
  void shouldFindTheOffsetWithinHalfTheBestRoundTrip() {
    SplittableRandom random = new SplittableRandom(11);
    ClockOffset clock = new ClockOffset();
    assertFalse(clock.isKnown());
    assertEquals(0, clock.roundTripNs());
    long ahead = 123_456_789_000L;
    for (int i = 0; i < 200; i++) {
      long asked = i * 1_000_000L;
      long there = random.nextLong(10_000, 500_000);
      long held = random.nextLong(0, 2_000_000);
      long back = random.nextLong(10_000, 500_000);
      clock.sample(
          asked, asked + there + ahead, asked + there + held + ahead, asked + there + held + back);
      long error = Math.abs(clock.toLocalNs(ahead));
      assertTrue(
          error <= clock.roundTripNs() / 2 + 1, "seed 11, sample " + i + ": off by " + error);
    }
    assertTrue(clock.roundTripNs() < 400_000);
  }

  @Test
  void shouldForgetAnOldRoundTripBecauseClocksDrift() {
    ClockOffset clock = new ClockOffset();
    clock.sample(0, 5, 5, 10);
    for (int i = 0; i < 2 * ClockOffset.WINDOW; i++) {
      clock.sample(0, 1050, 1050, 100);
    }
    assertEquals(100, clock.roundTripNs());
    assertEquals(0, clock.toLocalNs(1000));
  }

  @Test
  void shouldIgnoreAnAnswerFromBeforeItsQuestion() {
    ClockOffset clock = new ClockOffset();
    clock.sample(0, 0, 50, 10);
    assertFalse(clock.isKnown());
  }
}
