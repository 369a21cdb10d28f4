package dev.baton.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StallHistogramTest {
  @Test
  void shouldTellQuantilesAnEighthTooHighAtMost() {
    StallHistogram stalls = new StallHistogram();
    assertEquals(0, stalls.quantileNs(0.99));
    SplittableRandom random = new SplittableRandom(5);
    long[] all = new long[5000];
    for (int i = 0; i < all.length; i++) {
      all[i] = 1 + (random.nextLong() >>> (2 + random.nextInt(61)));
      stalls.record(all[i]);
    }
    stalls.record(0);
    Arrays.sort(all);
    assertEquals(all.length, stalls.count());
    assertEquals(all[all.length - 1], stalls.longestNs());
    assertEquals(all[all.length - 1], stalls.quantileNs(1));
    for (double part : new double[] {0, 0.1, 0.5, 0.9, 0.99, 0.999}) {
      long exact = all[(int) Math.ceil((all.length - 1) * part)];
      long told = stalls.quantileNs(part);
      assertTrue(told >= exact && told <= exact + exact / 8.0, part + ": " + told + ", " + exact);
    }
  }
}
