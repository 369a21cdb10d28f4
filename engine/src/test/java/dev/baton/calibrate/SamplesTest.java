package dev.baton.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SamplesTest {
  private static Samples of(double... values) {
    Samples series = new Samples();
    for (double value : values) {
      series.add(value);
    }
    return series;
  }

  @Test
  void shouldTakeTheMedian() {
    assertEquals(2, of(9, 1, 2).median());
    assertEquals(3, of(9, 2, 1, 4).median());
  }

  @Test
  void shouldNotBelieveOneRunOrTwo() {
    assertFalse(of(1).isSettled());
    assertTrue(of(1).spread() > 0);
    assertFalse(of(1, 1).isSettled());
  }

  @Test
  void shouldBeSettledWhenRunsAgree() {
    assertTrue(of(1, 1.02, 1.01).isSettled());
    assertFalse(of(1, 1.2, 1.1).isSettled());
    assertTrue(of(1, 1.2, 1.01).isSettled(), "the disturbed run is outvoted");
  }

  @Test
  void shouldGiveUpOnRunsThatNeverAgree() {
    Samples series = of(1, 2, 3, 4, 5, 6);
    assertFalse(series.isSettled());
    series.add(7);
    assertTrue(series.isSettled());
  }

  @Test
  void shouldTrustTheMedianOfManyMore() {
    assertEquals(0.1 / Math.sqrt(3), of(9, 10, 11).error(), 1e-12);
    assertTrue(of(9, 10, 11, 9, 11).error() < of(9, 10, 11).error());
  }

  @Test
  void shouldSayHowFarARunUsuallyIsOff() {
    assertEquals(0.1, of(9, 10, 11).spread(), 1e-12);
    assertEquals(0.5, of(1, 3).spread(), 1e-12);
  }
}
