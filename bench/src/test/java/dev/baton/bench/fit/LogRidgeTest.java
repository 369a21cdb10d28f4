package dev.baton.bench.fit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.bench.fit.LogRidge.Sample;
import dev.baton.device.Coefficients;
import dev.baton.device.SpeedModel.Factor;
import dev.baton.device.SpeedModel.Term;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class LogRidgeTest {
  private static final Coefficients TRUTH =
      new Coefficients(Map.of("read", 0.3, "work", -0.4, "slope", 0.2));

  private static List<Sample> samples(double outlier) {
    SplittableRandom random = new SplittableRandom(5);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      List<Term> terms =
          List.of(
              new Term(random.nextDouble(0.1, 2), List.of(new Factor("read", 1))),
              new Term(
                  random.nextDouble(0.1, 2),
                  List.of(new Factor("work", 1), new Factor("slope", random.nextDouble(-2, 2)))));
      samples.add(new Sample(terms, TRUTH.seconds(terms) * (i % 20 == 0 ? outlier : 1), 1));
    }
    return samples;
  }

  private static void assertTruth(Coefficients found, double tolerance) {
    TRUTH.values().forEach((name, value) -> assertEquals(value, found.value(name), tolerance));
  }

  @Test
  void shouldFindTheCoefficientsThatTimesWereMadeWith() {
    assertTruth(LogRidge.fit(samples(1), name -> 10), 1e-4);
  }

  @Test
  void shouldNotFollowAFewWildTimes() {
    assertTruth(LogRidge.fit(samples(3), name -> 10), 0.05);
  }

  @Test
  void shouldStayNearNothingWhereThePriorIsNarrow() {
    Coefficients found = LogRidge.fit(samples(1), name -> name.equals("slope") ? 1e-4 : 10);
    assertEquals(0, found.value("slope"), 1e-3);
  }

  @Test
  void shouldLeaveAtNothingWhatNoTimeTellsOf() {
    assertEquals(0, LogRidge.fit(samples(1), name -> 10).value("another"));
  }
}
