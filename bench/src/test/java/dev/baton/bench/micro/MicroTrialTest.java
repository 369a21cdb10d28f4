package dev.baton.bench.micro;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.bench.report.Spread;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

final class MicroTrialTest {
  private static final Spread PERCENT = new Spread(72, 71, 73, 3);

  private static MicroTrial matmul(String type, String matrices, int tokens, Ceiling of) {
    Map<String, String> params = new LinkedHashMap<>();
    params.put("type", type);
    params.put("matrices", matrices);
    params.put("tokens", Integer.toString(tokens));
    Spread peak = Spread.exactly(460);
    return new MicroTrial(
        "matmul", params, PERCENT.times(4.6), of.unit(), new MicroTrial.Share(of, PERCENT, peak));
  }

  private static MicroTrial attention(int context, int tokens, Ceiling of) {
    Map<String, String> params =
        Map.of(
            "heads",
            "LLAMA_1B",
            "context",
            Integer.toString(context),
            "tokens",
            Integer.toString(tokens));
    Spread peak = Spread.exactly(110);
    return new MicroTrial(
        "attention", params, PERCENT, of.unit(), new MicroTrial.Share(of, PERCENT, peak));
  }

  @Test
  void shouldHoldChunksOfALayerToTheBarsAndNothingElse() {
    OptionalDouble none = OptionalDouble.empty();
    assertEquals(OptionalDouble.of(74), matmul("Q8_0", "LAYER", 256, Ceiling.DOTS).bar());
    assertEquals(OptionalDouble.of(70), matmul("Q6_K", "LAYER", 256, Ceiling.DOTS).bar());
    assertEquals(none, matmul("Q5_0", "LAYER", 256, Ceiling.DOTS).bar());
    assertEquals(none, matmul("Q8_0", "KEY", 256, Ceiling.DOTS).bar());
    assertEquals(none, matmul("Q8_0", "LAYER", 16, Ceiling.DOTS).bar());
    assertEquals(none, matmul("F16", "LAYER", 256, Ceiling.FMAS).bar());
    assertEquals(OptionalDouble.of(75), attention(4096, 256, Ceiling.FMAS).bar());
    assertEquals(none, attention(512, 256, Ceiling.FMAS).bar());
    assertEquals(none, attention(4096, 1, Ceiling.READING).bar());
  }

  @Test
  void shouldBeComparedByItsShareOrElseByItsRateOrTime() {
    assertEquals(
        List.of(
            new ResultFigure(
                "matmul type=Q4_0 matrices=LAYER tokens=256, share of the peak",
                "%",
                Better.HIGHER,
                72,
                71,
                73,
                3)),
        matmul("Q4_0", "LAYER", 256, Ceiling.DOTS).figures());
    MicroTrial sampler =
        new MicroTrial("sampler", Map.of("choice", "GREEDY"), PERCENT, "us/op", null);
    assertEquals(Better.LOWER, sampler.figures().getFirst().better());
    MicroTrial slice = new MicroTrial("slice", Map.of("link", "plain"), PERCENT, "MB/s", null);
    assertEquals(Better.HIGHER, slice.figures().getFirst().better());
    assertEquals("slice link=plain", slice.figures().getFirst().name());
  }
}
