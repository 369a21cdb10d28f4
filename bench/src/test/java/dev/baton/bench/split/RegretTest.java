package dev.baton.bench.split;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.WrongResult;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

final class RegretTest {
  private static final SplitRun.Course COURSE = new SplitRun.Course(1, 1, 1, List.of(), null);

  private static final SplitRun.Planned PLAN = new SplitRun.Planned(15, 128, 32, 80, 99.5, 3);

  private static List<SplitRun> runs(SplitRun.@Nullable Planned chosen, double... e2eMs) {
    return DoubleStream.of(e2eMs)
        .mapToObj(
            ms -> new SplitRun(ms / 2, ms, 15, null, chosen, List.of(), List.of(1, 2), COURSE))
        .toList();
  }

  /** Local is 200 ms, layer 15 is 100 ms, remote is 400 ms. */
  private static ShapeRegret shape(int promptTokens, double batonMs) {
    Map<String, List<SplitRun>> candidates = new LinkedHashMap<>();
    candidates.put("local", runs(null, 190, 210));
    candidates.put("15", runs(null, 100, 100));
    candidates.put("remote", runs(null, 300, 500));
    return new ShapeRegret(promptTokens, 16, runs(PLAN, batonMs), candidates);
  }

  @Test
  void shouldChooseAsTheRulesOfOthersDo() {
    assertEquals("local", RoutingRule.LOCAL.choice(1_000_000));
    assertEquals("remote", RoutingRule.REMOTE.choice(1));
    assertEquals("local", RoutingRule.EXO.choice(1000));
    assertEquals("remote", RoutingRule.EXO.choice(1001));
    assertEquals("local", RoutingRule.DYNAMO.choice(2047));
    assertEquals("remote", RoutingRule.DYNAMO.choice(2048));
  }

  @Test
  void shouldTakeTheMedianRunsAgainstTheBestGivenSplit() {
    ShapeRegret worse = shape(64, 125);
    assertEquals("15", worse.best());
    assertEquals(200, worse.candidateMs("local"));
    assertEquals(400, worse.candidateMs("remote"));
    assertEquals(0.25, worse.regret());
    assertEquals(100, worse.oracleMs());
    ShapeRegret better = shape(64, 75);
    assertEquals(-0.25, better.regret());
    assertEquals(75, better.oracleMs());
  }

  @Test
  void shouldNotLetLuckWithOneShapePayForAnother() {
    List<ShapeRegret> shapes = List.of(shape(64, 75), shape(1500, 125));
    RegretFigures figures = RegretFigures.of(shapes);
    assertEquals(12.5, figures.meanPercent());
    assertEquals(25, figures.worstPercent());
    assertEquals(0.2, figures.batonSeconds(), 1e-12);
    assertEquals(0.4, figures.ruleSeconds().get(RoutingRule.LOCAL));
    assertEquals(0.8, figures.ruleSeconds().get(RoutingRule.REMOTE));
    assertEquals(0.6, figures.ruleSeconds().get(RoutingRule.EXO));
    assertEquals(0.4, figures.ruleSeconds().get(RoutingRule.DYNAMO));
    assertEquals(0.175, figures.oracleSeconds());
    assertFalse(figures.meanIsMet());
    assertFalse(figures.worstIsMet());
    assertTrue(figures.beatsRules());
    assertFalse(RegretFigures.of(List.of(shape(64, 200))).beatsRules());
    assertTrue(RegretFigures.of(List.of(shape(64, 102))).meanIsMet());
  }

  @Test
  void shouldSpreadTheBoundariesOverTheModel() {
    assertEquals(
        List.of("local", "5", "10", "15", "20", "25", "remote"), RegretGrid.candidates(30));
    assertEquals(List.of("local", "1", "2", "remote"), RegretGrid.candidates(3));
    assertEquals(List.of("local", "remote"), RegretGrid.candidates(1));
  }

  @Test
  void shouldCountNothingWhereAnAnswerDiffers() {
    SplitRun run = runs(null, 100).getFirst();
    RegretGrid.requireSame(List.of(1, 2), run.tokens(), "15");
    WrongResult wrong =
        assertThrows(
            WrongResult.class, () -> RegretGrid.requireSame(List.of(1, 3), run.tokens(), "15"));
    assertEquals(
        "the answer with split 15 differs from the others: [1, 2] and [1, 3]", wrong.reason());
  }

  @Test
  void shouldShowEachShapeAndTheSums() {
    PairCommand.Facts nodes = new PairCommand.Facts(30, 8192, "AVX-512", "AVX2", 12.4);
    LinkRegret link =
        new LinkRegret(
            300,
            nodes,
            JsonMapper.shared().createObjectNode(),
            List.of(shape(64, 75), shape(1500, 125)));
    assertEquals(
        """
        300 Mbit/s: decode AVX2, prefill AVX-512; loaded and measured in 12 s
          prompt output |   local      15  remote |   Baton  choice           predicted   regret
              64     16 |     200     100     400 |    75.0  layer 15, 128/32      99.5  -25.0 %
            1500     16 |     200     100     400 |     125  layer 15, 128/32      99.5  +25.0 %
        """,
        RegretTable.of(link));
    assertEquals(
        """
        regret           mean    worst | seconds:  Baton  always local always remote      EXO   Dynamo  best of all
        300 Mbit/s     12.5 %   25.0 % |             0.2           0.4           0.8      0.6      0.4          0.2
        all            12.5 %   25.0 % |             0.2           0.4           0.8      0.6      0.4          0.2
        bars: mean <= 3 %: not met; worst <= 12 %: not met; less time than every rule: met
        """,
        RegretTable.summary(List.of(link)));
  }
}
