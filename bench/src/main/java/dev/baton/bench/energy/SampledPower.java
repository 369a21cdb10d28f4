package dev.baton.bench.energy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Power that a program prints again and again: their mean since the request began, times the time.
 * Requests much shorter than the time between two lines are told by their neighbourhood. The
 * program ends with this process.
 */
final class SampledPower implements EnergyMeter {
  private static final long PATIENCE_MS = 2000;

  private final String source;
  private final Process process;
  private final double watts;
  private double sum; // watts, guarded by this
  private int count; // guarded by this
  private boolean ended; // guarded by this

  /**
   * Starts the program.
   *
   * @param number finds it in a line, as its first group
   * @param watts of its unit
   */
  SampledPower(String source, List<String> command, Pattern number, double watts)
      throws IOException {
    this.source = source;
    this.watts = watts;
    this.process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy, "baton-bench-power-end"));
    Thread.ofPlatform().daemon().name("baton-bench-power").start(() -> read(number));
  }

  /** What macOS tells of the processor, to root alone. */
  static SampledPower ofMac() throws IOException {
    return new SampledPower(
        "measured: powermetrics, the processor's power five times a second, both nodes together",
        List.of("powermetrics", "--samplers", "cpu_power", "-i", "200"),
        Pattern.compile("^CPU Power: (\\d+) mW"),
        1e-3);
  }

  /** What NVIDIA's driver tells of its card of that number. */
  static SampledPower ofNvidia(int card) throws IOException {
    return new SampledPower(
        "measured: nvidia-smi, a graphics card's power ten times a second",
        List.of(
            "nvidia-smi",
            "--id=" + card,
            "--query-gpu=power.draw",
            "--format=csv,noheader,nounits",
            "-lms=100"),
        Pattern.compile("^\\s*([0-9.]+)\\s*$"),
        1);
  }

  private void read(Pattern number) {
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        Matcher found = number.matcher(line);
        if (found.find()) {
          add(watts * Double.parseDouble(found.group(1)));
        }
      }
    } catch (IOException _) {
      // As if it had ended.
    }
    synchronized (this) {
      ended = true;
      notifyAll();
    }
  }

  private synchronized void add(double reading) {
    sum += reading;
    count++;
    notifyAll();
  }

  @Override
  public String source() {
    return source;
  }

  @Override
  public synchronized void start() {
    sum = 0;
    count = 0;
  }

  /** Waits for a line where none has come since the request began. */
  @Override
  public synchronized OptionalDouble stop(double seconds) {
    long untilNs = System.nanoTime() + PATIENCE_MS * 1_000_000;
    try {
      while (count == 0 && !ended && System.nanoTime() - untilNs < 0) {
        wait(PATIENCE_MS);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return count == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / count * seconds);
  }
}
