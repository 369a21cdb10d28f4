package dev.baton.bench.energy;

import dev.baton.bench.result.Metric;
import dev.baton.device.DeviceCatalog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What energy a piece of work took, in joules, as far as the machine tells. One thread. */
public sealed interface EnergyMeter
    permits EnergyMeter.Rapl, SampledPower, EnergyMeter.Both, EnergyMeter.Stated, EnergyMeter.None {
  /** Where Linux shows the counters of processor packages. */
  Path POWERCAP = Path.of("/sys/class/powercap");

  /** Where the figures come from, or why there are none; one line. */
  String source();

  /** What the joules are: measured, or stated. */
  default Metric metric() {
    return Metric.ENERGY;
  }

  /** The work begins. */
  void start();

  /** It has ended, after so long: the joules since {@link #start}, where they are known. */
  OptionalDouble stop(double seconds);

  /**
   * What can be read: the processor's own counters, or what macOS tells root, and the graphics
   * card's draw where something is computed there; else what the device is said to draw; else
   * nothing.
   *
   * @param stated watts, or the name of a device in the catalog; null where none was stated
   * @param card number of the NVIDIA card that a node computes on, if one does
   * @throws IllegalArgumentException when what is stated is neither
   */
  static EnergyMeter here(@Nullable String stated, OptionalInt card) {
    Stated watts = stated == null ? null : Stated.of(stated);
    EnergyMeter processor = ofProcessor();
    EnergyMeter graphics = card.isPresent() ? ofCard(card.getAsInt()) : null;
    if (processor != null) {
      return graphics == null ? processor : new Both(processor, graphics);
    }
    if (graphics != null) {
      return graphics;
    }
    return watts == null ? new None() : watts;
  }

  /** The processor packages' own counters, where this user may read them. */
  static Optional<EnergyMeter> ofPackages(Path powercap) {
    List<Counter> counters = Counter.find(powercap);
    return counters.isEmpty() ? Optional.empty() : Optional.of(new Rapl(counters));
  }

  private static @Nullable EnergyMeter ofProcessor() {
    Optional<EnergyMeter> packages = ofPackages(POWERCAP);
    if (packages.isPresent()) {
      return packages.get();
    }
    boolean told =
        System.getProperty("os.name").startsWith("Mac")
            && System.getProperty("user.name").equals("root");
    try {
      return told ? SampledPower.ofMac() : null;
    } catch (IOException _) {
      return null;
    }
  }

  private static @Nullable EnergyMeter ofCard(int card) {
    try {
      return SampledPower.ofNvidia(card);
    } catch (IOException _) {
      return null;
    }
  }

  /**
   * A processor package's energy counter, which starts again at 0 past its range.
   *
   * @param file that counts microjoules
   * @param range the largest of them
   */
  record Counter(Path file, long range) {
    /** Those of a powercap folder that can be read: whole packages, not their parts. */
    static List<Counter> find(Path folder) {
      List<Counter> found = new ArrayList<>();
      try (Stream<Path> zones = Files.list(folder)) {
        for (Path zone :
            zones
                .filter(path -> path.getFileName().toString().matches("intel-rapl:\\d+"))
                .sorted()
                .toList()) {
          Counter counter =
              new Counter(zone.resolve("energy_uj"), number(zone.resolve("max_energy_range_uj")));
          counter.read();
          found.add(counter);
        }
      } catch (IOException | NumberFormatException _) {
        return List.of();
      }
      return found;
    }

    long read() throws IOException {
      return number(file);
    }

    /** Microjoules between two readings. */
    long since(long before, long now) {
      return now >= before ? now - before : now - before + range;
    }

    private static long number(Path file) throws IOException {
      return Long.parseLong(Files.readString(file).strip());
    }
  }

  /** RAPL: the processor packages, all that runs on them included. */
  final class Rapl implements EnergyMeter {
    private final List<Counter> counters;
    private final long[] before;
    private boolean read;

    Rapl(List<Counter> counters) {
      this.counters = counters;
      this.before = new long[counters.size()];
    }

    @Override
    public String source() {
      return "measured: the processor's own counters (RAPL), whole packages, both nodes together";
    }

    @Override
    public void start() {
      try {
        for (int i = 0; i < before.length; i++) {
          before[i] = counters.get(i).read();
        }
        read = true;
      } catch (IOException _) {
        read = false;
      }
    }

    @Override
    public OptionalDouble stop(double seconds) {
      try {
        double joules = 0;
        for (int i = 0; i < before.length; i++) {
          joules += counters.get(i).since(before[i], counters.get(i).read()) / 1e6;
        }
        return read ? OptionalDouble.of(joules) : OptionalDouble.empty();
      } catch (IOException _) {
        return OptionalDouble.empty();
      }
    }
  }

  /** The sum of two; unknown where one is. */
  record Both(EnergyMeter one, EnergyMeter other) implements EnergyMeter {
    @Override
    public String source() {
      return one.source() + "; and " + other.source();
    }

    @Override
    public void start() {
      one.start();
      other.start();
    }

    @Override
    public OptionalDouble stop(double seconds) {
      OptionalDouble first = one.stop(seconds);
      OptionalDouble second = other.stop(seconds);
      return first.isPresent() && second.isPresent()
          ? OptionalDouble.of(first.getAsDouble() + second.getAsDouble())
          : OptionalDouble.empty();
    }
  }

  /**
   * Not measured: what the machine is said to draw under load, times the time.
   *
   * @param watts of the whole machine
   * @param source where they come from
   */
  record Stated(double watts, String source) implements EnergyMeter {
    static Stated of(String stated) {
      double watts;
      String of = "";
      try {
        watts = Double.parseDouble(stated);
      } catch (NumberFormatException _) {
        watts = DeviceCatalog.load().device(stated).watts();
        of = " of " + stated;
      }
      if (!(watts > 0 && watts < 1e5)) {
        throw new IllegalArgumentException("--watts is above 0 and below 100000, not " + stated);
      }
      return new Stated(
          watts,
          String.format(
              Locale.ROOT, "not measured: the stated %.0f W%s times the time", watts, of));
    }

    @Override
    public Metric metric() {
      return Metric.STATED_ENERGY;
    }

    @Override
    public void start() {
      // Only the time counts.
    }

    @Override
    public OptionalDouble stop(double seconds) {
      return OptionalDouble.of(watts * seconds);
    }
  }

  /** This machine does not tell, and nobody else did. */
  record None() implements EnergyMeter {
    @Override
    public String source() {
      return "none: this machine has no energy counters that can be read; state its power with"
          + " --watts";
    }

    @Override
    public void start() {
      // Nothing to read.
    }

    @Override
    public OptionalDouble stop(double seconds) {
      return OptionalDouble.empty();
    }
  }
}
