package dev.baton.bench.result;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

final class ComparisonTest {
  private static final int[] PROMPTS = {64, 128, 256, 512, 1024};

  private static Comparison comparison(
      IntToDoubleFunction local, IntToDoubleFunction remote, IntToDoubleFunction auto) {
    Map<String, IntToDoubleFunction> ttft = new LinkedHashMap<>();
    ttft.put("local", local);
    ttft.put("remote", remote);
    ttft.put("auto", auto);
    List<SplitRow> rows = SplitResults.rows("lo", ttft, 32, PROMPTS);
    return Comparison.of(SplitResults.of(rows)).getFirst();
  }

  @Test
  void shouldFindWhereTheCurvesCross() {
    // As long at 200 tokens.
    Comparison crossing = comparison(n -> 0.2 * n, n -> 30 + 0.05 * n, n -> 9);
    Comparison.Crossover at = crossing.crossover().orElseThrow();
    assertEquals(200, at.fromTokens(), 8);
    assertEquals("remote", at.split());
    assertTrue(
        crossing.title().startsWith("Over loopback, remote is faster than local from "),
        crossing.title());
  }

  @Test
  void shouldNotClaimWhatIsWithinTheSpread() {
    Comparison alike = comparison(n -> 0.2 * n, n -> 0.199 * n, n -> n);
    assertTrue(alike.crossover().isEmpty());
    assertTrue(
        alike.title().endsWith("no split is clearly faster than local up to 1024 tokens"),
        alike.title());
  }

  @Test
  void shouldSayWhereLocalOrASplitIsFastestEverywhere() {
    assertTrue(
        comparison(n -> n, n -> 2 * n, n -> n)
            .title()
            .endsWith("local is fastest at every length up to 1024 tokens"));
    Comparison always = comparison(n -> 3 * n, n -> n, n -> n);
    assertTrue(
        always
            .title()
            .endsWith("remote is faster than local at every length, 3.0 times at the longest"),
        always.title());
  }

  @Test
  void shouldNotClaimACrossoverThatTurnsBack() {
    Comparison back = comparison(n -> 10, n -> n < 200 ? 5 : 20, n -> 10);
    assertTrue(
        back.title().endsWith("a split is faster than local only at 64, 128 tokens"), back.title());
  }

  @Test
  void shouldSayHowFarThePlannersChoiceIsFromTheBest() {
    String note =
        comparison(n -> n, n -> 2 * n, n -> n == 256 ? 1.25 * n : n).autoNote().orElseThrow();
    assertEquals("auto is at most 25 % slower than the fastest other way (at 256 tokens)", note);
  }

  @Test
  void shouldWriteNoMoreDigitsThanAreKnown() {
    assertEquals("290", Comparison.tokens(294.7));
    assertEquals("1200", Comparison.tokens(1234));
    assertEquals("64", Comparison.tokens(64));
  }
}
