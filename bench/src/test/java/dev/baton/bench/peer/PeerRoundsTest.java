package dev.baton.bench.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.peer.PeerRounds.Rounds;
import dev.baton.bench.report.Figure;
import dev.baton.kernel.CpuPeaks;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class PeerRoundsTest {
  /** 1,000 bytes of weights, 2,000 + 400 operations, 10 bytes and 40 operations for each key. */
  private static final ModelWork WORK = new ModelWork(1000, 2000, 400, 10, 40);

  private static Figure named(List<Figure> figures, String name) {
    return figures.stream()
        .filter(figure -> figure.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError(name + " is not among " + figures));
  }

  @Test
  void shouldCountWhatATokenCosts() {
    // Three tokens see one, two and three keys, and the last of them meets the output.
    assertEquals(3 * 2000 + 400 + 6 * 40, WORK.prefillOps(3));
    // An answer of three steps behind four tokens sees 5, 6 and 7 keys.
    assertEquals(1000 + 6 * 10, WORK.decodeBytes(4, 3));
  }

  private static final CpuPeaks PEAKS = new CpuPeaks(1e6, 1e5, 1e5);

  @Test
  void shouldCompareNeighbouringRounds() {
    Rounds rounds =
        new Rounds(
            List.of(60.0, 90.0, 30.0),
            Map.of("other", List.of(30.0, 60.0, 10.0)),
            List.of(PEAKS, PEAKS, PEAKS));
    Figure ratio =
        named(
            new PeerRounds(2, WORK).decodeFigures(4, 3, rounds),
            "2 threads, decode at 4, Baton / other");
    assertEquals(2.0, ratio.value().median());
    assertEquals(1.5, ratio.value().low());
    assertEquals(3.0, ratio.value().high());
  }

  @Test
  void shouldTakeSharesOfThePeakBesideEach() {
    CpuPeaks other = new CpuPeaks(2e6, 1e5, 0.5e5);
    Rounds rounds = new Rounds(List.of(84.0, 84.0), Map.of(), List.of(PEAKS, other));
    Figure decode =
        named(
            new PeerRounds(1, WORK).decodeFigures(4, 3, rounds),
            "1 thread, decode at 4, share of reading");
    assertEquals(100 * 84.0 * 1060 / 1e5, decode.value().low(), 1e-9);
    assertEquals(100 * 84.0 * 1060 / 0.5e5, decode.value().high(), 1e-9);
    assertTrue(decode.isMet());
    Figure prefill =
        named(
            new PeerRounds(1, WORK).prefillFigures(3, rounds),
            "1 thread, prefill of 3, share of dots");
    assertEquals(100 * 84.0 / 3 * 6640 / 2e6, prefill.value().low(), 1e-9);
    assertEquals(100 * 84.0 / 3 * 6640 / 1e6, prefill.value().high(), 1e-9);
    assertFalse(prefill.isMet());
  }

  @Test
  void shouldHoldTwoThreadsToAHigherShare() {
    Rounds rounds = new Rounds(List.of(84.0), Map.of(), List.of(PEAKS));
    String name = "decode at 4, share of reading";
    List<Figure> one = new PeerRounds(1, WORK).decodeFigures(4, 3, rounds);
    List<Figure> two = new PeerRounds(2, WORK).decodeFigures(4, 3, rounds);
    assertTrue(named(one, "1 thread, " + name).isMet());
    assertFalse(named(two, "2 threads, " + name).isMet());
  }
}
