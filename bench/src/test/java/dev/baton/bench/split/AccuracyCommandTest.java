package dev.baton.bench.split;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class AccuracyCommandTest {
  private static final SplitRun.Course COURSE = new SplitRun.Course(1, 1, 1, List.of(), null);

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private int run(String... words) {
    PrintStream to = new PrintStream(out, true, UTF_8);
    return new CommandLine(new AccuracyCommand(to, to)).execute(words);
  }

  private static PredictedRun run(double ttftMs, double e2eMs, double ttft, double e2e) {
    SplitRun.Planned plan = new SplitRun.Planned(3, 64, 64, ttft, e2e, 1);
    return PredictedRun.of(
        new SplitRequest(100, 5, "3", 1),
        new SplitRun(ttftMs, e2eMs, 3, null, plan, List.of(), List.of(), COURSE));
  }

  @Test
  void shouldTakeErrorsAsSharesOfWhatWasMeasured() {
    PredictedRun tooLong = run(100, 200, 110, 210);
    PredictedRun tooShort = run(100, 200, 70, 190);
    assertEquals(0.1, tooLong.ttftError(), 1e-12);
    assertEquals(-0.3, tooShort.ttftError(), 1e-12);
    List<PredictedRun> both = List.of(tooLong, tooShort);
    assertEquals(20, PredictedRun.meanErrorPercent(both, PredictedRun::ttftError), 1e-9);
    assertEquals(5, PredictedRun.meanErrorPercent(both, PredictedRun::e2eError), 1e-9);
    String summary = PredictedRun.summary(both);
    assertTrue(summary.contains("TTFT <= 10 %: not met; E2E <= 7 %: met"), summary);
  }

  @Test
  void shouldNotCountARunOfWhichNothingWasPredicted() {
    SplitRun run = new SplitRun(1, 2, 0, null, null, List.of(), List.of(), COURSE);
    assertThrows(
        IllegalArgumentException.class,
        () -> PredictedRun.of(new SplitRequest(1, 1, "local", 1), run));
  }

  @Test
  @Timeout(240)
  void shouldPredictEveryKindOfRequestAndRunIt() {
    String missing = UnlikePair.whyMissing();
    assumeTrue(missing == null, missing);
    int exit =
        run("--model=baton-tiny", "--requests=12", "--longest-prompt=200", "--seed=3", "--json");
    assertEquals(0, exit, out.toString(UTF_8));
    JsonNode all = JsonMapper.shared().readTree(out.toString(UTF_8));
    assertEquals(12, all.path("runs").size());
    boolean inside = false;
    for (JsonNode one : all.path("runs")) {
      assertTrue(one.at("/run/e2eMs").asDouble() >= one.at("/run/ttftMs").asDouble());
      assertTrue(one.at("/predicted/ttftMs").asDouble() > 0, one.toString());
      assertEquals(one.at("/run/boundaryLayer"), one.at("/predicted/boundaryLayer"));
      String split = one.at("/request/split").asString();
      inside |= split.equals(one.at("/run/boundaryLayer").asString());
    }
    assertTrue(inside, "no request was cut at a layer");
    assertTrue(all.path("ttftPercent").asDouble() > 0, all.toString());
  }

  @Test
  void shouldFailWhereTheModelIsNotThere() {
    assertEquals(1, run("--model=no-such-model"));
    assertTrue(out.toString(UTF_8).startsWith("not measured: "), out.toString(UTF_8));
  }
}
