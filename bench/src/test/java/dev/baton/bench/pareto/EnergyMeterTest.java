package dev.baton.bench.pareto;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EnergyMeterTest {
  @TempDir Path folder;

  private void zone(String name, long energyUj) throws IOException {
    Path zone = Files.createDirectories(folder.resolve(name));
    Files.writeString(zone.resolve("energy_uj"), energyUj + "\n");
    Files.writeString(zone.resolve("max_energy_range_uj"), "10000000\n");
  }

  @Test
  void shouldAddUpPackagesWithoutTheirPartsAndAcrossTheEndOfACounter() throws IOException {
    zone("intel-rapl:0", 9_000_000);
    zone("intel-rapl:1", 1_000_000);
    zone("intel-rapl:0:0", 5);
    EnergyMeter meter = EnergyMeter.find(folder).orElseThrow();
    zone("intel-rapl:0", 2_000_000);
    zone("intel-rapl:1", 1_500_000);
    zone("intel-rapl:0:0", 7_000_000);
    assertEquals(3.5, meter.joules(), 1e-9);
    meter.start();
    assertEquals(0, meter.joules());
  }

  @Test
  void shouldBeMissingWhereNothingCounts() throws IOException {
    assertTrue(EnergyMeter.find(folder).isEmpty());
    assertTrue(EnergyMeter.find(folder.resolve("nowhere")).isEmpty());
    Files.createDirectories(folder.resolve("intel-rapl:0"));
    assertTrue(EnergyMeter.find(folder).isEmpty(), "a counter that cannot be read");
  }
}
