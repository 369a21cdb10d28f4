package dev.baton.bench.fit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.fit.Holdout.Tested;
import dev.baton.bench.fit.PublishedSpeed.Kind;
import dev.baton.bench.fit.PublishedSpeed.Phase;
import dev.baton.device.CsvTable;
import dev.baton.device.DeviceCatalog;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class CatalogFitTest {
  private static final PublishedSpeeds SPEEDS = PublishedSpeeds.load();
  private static final CatalogFit FIT = CatalogFit.of(new SpeedFit(1), SPEEDS.rows());

  @Test
  void shouldMakeTheCoefficientsThatTheEngineShipsByteForByte() throws IOException {
    try (InputStream shipped = DeviceCatalog.class.getResourceAsStream("coefficients.csv")) {
      assertEquals(
          new String(Objects.requireNonNull(shipped).readAllBytes(), StandardCharsets.UTF_8),
          FIT.asCsv(),
          "run: ./baton bench fit --write"
              + " engine/src/main/resources/dev/baton/device/coefficients.csv");
    }
  }

  @Test
  void shouldCountEveryPublishedSpeed() {
    int left = SPEEDS.leftOut().values().stream().mapToInt(Integer::intValue).sum();
    assertEquals(
        CsvTable.resource("published-speeds.csv").rows().size(), SPEEDS.rows().size() + left);
    assertEquals(278, left);
  }

  @Test
  void shouldPredictUnseenDevicesWithinTheBars() {
    assertMean(0.09, Holdout.DEVICE, Phase.DECODE, Kind.DENSE);
    assertMean(0.10, Holdout.DEVICE, Phase.DECODE, Kind.MOE);
    assertMean(0.10, Holdout.DEVICE, Phase.PREFILL, Kind.DENSE);
    assertMean(0.20, Holdout.DEVICE, Phase.PREFILL, Kind.MOE);
  }

  @Test
  void shouldPredictUnseenDepthsWithinTheBar() {
    double mean = ErrorSpread.of(FIT.tested().getOrDefault(Holdout.DEPTH, List.of())).mean();
    assertTrue(mean <= 0.06, "off by " + mean);
  }

  private static void assertMean(double bar, Holdout holdout, Phase phase, Kind kind) {
    List<Tested> tested =
        FIT.tested().getOrDefault(holdout, List.of()).stream()
            .filter(t -> t.row().phase() == phase && t.row().kind() == kind)
            .toList();
    double mean = ErrorSpread.of(tested).mean();
    assertTrue(mean <= bar, phase + " of " + kind + " models is off by " + mean);
  }
}
