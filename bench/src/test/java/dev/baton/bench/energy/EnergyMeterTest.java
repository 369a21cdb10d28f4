package dev.baton.bench.energy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.result.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EnergyMeterTest {
  @TempDir private Path powercap;

  private void zone(String name, long microjoules) throws IOException {
    Path zone = Files.createDirectories(powercap.resolve(name));
    Files.writeString(zone.resolve("energy_uj"), microjoules + "\n");
    Files.writeString(zone.resolve("max_energy_range_uj"), "1000000000\n");
  }

  @Test
  void shouldAddUpPackagesAndFollowACounterThatStartsAgain() throws IOException {
    zone("intel-rapl:0", 999_000_000);
    zone("intel-rapl:1", 5_000_000);
    zone("intel-rapl:0:0", 1);
    List<EnergyMeter.Counter> counters = EnergyMeter.Counter.find(powercap);
    assertEquals(2, counters.size(), "packages, not their parts");
    EnergyMeter meter = new EnergyMeter.Rapl(counters);
    meter.start();
    zone("intel-rapl:0", 2_000_000);
    zone("intel-rapl:1", 6_500_000);
    assertEquals(3 + 1.5, meter.stop(9).orElseThrow(), 1e-9);
    assertTrue(meter.source().startsWith("measured: "), meter.source());
  }

  @Test
  void shouldHaveNoCountersWhereThereAreNoneOrTheyCannotBeRead() throws IOException {
    assertEquals(List.of(), EnergyMeter.Counter.find(powercap.resolve("none")));
    Files.createDirectories(powercap.resolve("intel-rapl:0"));
    assertTrue(EnergyMeter.ofPackages(powercap).isEmpty(), "a counter that cannot be read");
  }

  @Test
  void shouldTakeTheMeanOfWhatAProgramPrints() throws IOException {
    List<String> program =
        List.of("sh", "-c", "while echo 'CPU Power: 5000 mW'; do sleep 0.02; done");
    EnergyMeter meter =
        new SampledPower("measured: test", program, Pattern.compile("^CPU Power: (\\d+) mW"), 1e-3);
    meter.start();
    assertEquals(15, meter.stop(3).orElseThrow(), 1e-9);
    EnergyMeter silent = new SampledPower("", List.of("true"), Pattern.compile("(\\d+)"), 1);
    silent.start();
    assertTrue(silent.stop(1).isEmpty());
    EnergyMeter both = new EnergyMeter.Both(meter, EnergyMeter.Stated.of("2"));
    both.start();
    assertEquals(15 + 6, both.stop(3).orElseThrow(), 1e-9);
    assertTrue(new EnergyMeter.Both(meter, silent).stop(1).isEmpty(), "half of it is not known");
  }

  @Test
  void shouldTakeStatedWattsOrADevicesAndMarkThemSo() {
    EnergyMeter stated = EnergyMeter.Stated.of("65");
    assertEquals(Metric.STATED_ENERGY, stated.metric());
    assertEquals(130, stated.stop(2).orElseThrow(), 1e-9);
    assertTrue(stated.source().startsWith("not measured: the stated 65 W"), stated.source());
    EnergyMeter device = EnergyMeter.Stated.of("M3 Ultra 80c");
    assertEquals(250, device.stop(1).orElseThrow(), 1e-9);
    assertTrue(device.source().contains("M3 Ultra 80c"), device.source());
    for (String wrong : List.of("0", "-1", "nan", "1e9", "no such device")) {
      assertThrows(IllegalArgumentException.class, () -> EnergyMeter.Stated.of(wrong), wrong);
    }
  }
}
