package dev.baton.bench.pareto;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The energy of all processor packages, by the counters (RAPL) that Linux shows under {@code
 * /sys/class/powercap}. They count what the whole package takes, other processes included. One
 * thread.
 */
final class EnergyMeter {
  static final Path POWERCAP = Path.of("/sys/class/powercap");

  /** A package's counter; those of its parts have a second number. */
  private static final String PACKAGE = "intel-rapl:[0-9]*";

  private final List<Path> packages;
  private final long[] startUj;

  private EnergyMeter(List<Path> packages) {
    this.packages = packages;
    this.startUj = new long[packages.size()];
  }

  /** The meter of this machine, where there is one that this user may read. */
  static Optional<EnergyMeter> find(Path folder) {
    List<Path> packages = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, PACKAGE)) {
      for (Path zone : all) {
        if (zone.getFileName().toString().matches("intel-rapl:[0-9]+")) {
          packages.add(zone);
        }
      }
      EnergyMeter meter = new EnergyMeter(packages);
      meter.start();
      return packages.isEmpty() ? Optional.empty() : Optional.of(meter);
    } catch (IOException | NumberFormatException _) {
      return Optional.empty();
    }
  }

  /** Begins to count. */
  void start() throws IOException {
    for (int i = 0; i < startUj.length; i++) {
      startUj[i] = microjoules(i, "energy_uj");
    }
  }

  /** Joules since {@link #start}; a counter may have begun anew once. */
  double joules() throws IOException {
    long sum = 0;
    for (int i = 0; i < startUj.length; i++) {
      long used = microjoules(i, "energy_uj") - startUj[i];
      sum += used >= 0 ? used : used + microjoules(i, "max_energy_range_uj");
    }
    return sum / 1e6;
  }

  private long microjoules(int index, String file) throws IOException {
    return Long.parseLong(Files.readString(packages.get(index).resolve(file)).strip());
  }
}
