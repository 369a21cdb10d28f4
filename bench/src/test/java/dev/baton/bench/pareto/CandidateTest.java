package dev.baton.bench.pareto;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.Spread;
import java.util.List;
import org.junit.jupiter.api.Test;

final class CandidateTest {
  private static Candidate of(double bitsPerByte, double seconds, long memoryBytes) {
    Spread time = Spread.exactly(seconds);
    Spread rate = Spread.exactly(1);
    return new Candidate(
        "m",
        new Candidate.Quality(bitsPerByte, 2),
        new Candidate.Answer(1, 1, rate, rate, time),
        new Candidate.Memory(memoryBytes, 0),
        new Candidate.Price(time, seconds, 1));
  }

  @Test
  void shouldBeOnTheFrontUnlessAnotherIsAsGoodInAllAndBetterInSomething() {
    Candidate quick = of(2, 1, 10);
    Candidate wise = of(1, 5, 100);
    Candidate poor = of(2, 5, 100);
    Candidate same = of(1, 5, 100);
    Candidate light = of(2.5, 6, 5);
    List<Candidate> all = List.of(quick, wise, poor, same, light);
    assertTrue(quick.isOnFront(all));
    assertTrue(wise.isOnFront(all) && same.isOnFront(all), "equals do not beat each other");
    assertFalse(poor.isOnFront(all));
    assertTrue(light.isOnFront(all), "the least memory");
  }

  @Test
  void shouldWriteADeviceOffOverThreeYearsAndAddElectricity() {
    Cost cost = new Cost(946.728, 0.36);
    assertEquals(1e-5 + 1e-7, cost.usd(1, 1), 1e-12);
  }
}
