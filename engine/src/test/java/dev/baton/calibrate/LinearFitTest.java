package dev.baton.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LinearFitTest {
  private static LinearFit through(double[] x, double... y) {
    return LinearFit.through(x, y);
  }

  @Test
  void shouldGoThroughPointsOfOneLine() {
    LinearFit line = through(new double[] {16, 700, 1400}, 7.16, 14, 21);
    assertEquals(7, line.start(), 1e-9);
    assertEquals(0.01, line.slope(), 1e-12);
  }

  @Test
  void shouldCountErrorsByTheirShare() {
    // The same 10% below and above: by the amounts alone the larger one would win.
    LinearFit line = through(new double[] {0, 0, 1000, 1000}, 9, 11, 90, 110);
    assertEquals(1, line.start() / (2 / (1 / 9.0 + 1 / 11.0)), 0.02);
    assertTrue(line.start() + 1000 * line.slope() < 100, line.toString());
  }

  @Test
  void shouldBeFlatWhereMoreContextTookLess() {
    LinearFit line = through(new double[] {16, 1400}, 10, 9);
    assertEquals(0, line.slope());
    assertTrue(line.start() > 9 && line.start() < 10, line.toString());
  }

  @Test
  void shouldNotStartBelowNothing() {
    LinearFit line = through(new double[] {100, 200}, 1, 3);
    assertEquals(0, line.start(), 1e-12);
    assertTrue(line.slope() > 0, line.toString());
  }

  @Test
  void shouldDoWithOnePoint() {
    assertEquals(new LinearFit(5, 0), through(new double[] {16}, 5));
  }
}
