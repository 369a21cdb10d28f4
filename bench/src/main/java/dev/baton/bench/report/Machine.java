package dev.baton.bench.report;

import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * The machine that something was measured on.
 *
 * @param cpu the processor's name, as the system tells it
 * @param isa the instruction set level that the kernels take here
 * @param cores processors that this process may use
 * @param clockMhz the highest clock, or the present one where only that is told; null where neither
 *     is
 * @param memoryBytes of the machine
 * @param system operating system, its version and architecture
 */
public record Machine(
    String cpu, String isa, int cores, @Nullable Double clockMhz, long memoryBytes, String system) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path MOST_KHZ =
      Path.of("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");

  /** This one. */
  public static Machine here() {
    List<String> info = lines(CPU_INFO);
    OptionalDouble clock = clockMhz(info);
    long memory =
        ManagementFactory.getOperatingSystemMXBean()
                instanceof com.sun.management.OperatingSystemMXBean os
            ? os.getTotalMemorySize()
            : 0;
    return new Machine(
        cpu(info),
        isaHere(),
        Runtime.getRuntime().availableProcessors(),
        clock.isPresent() ? clock.getAsDouble() : null,
        memory,
        String.join(
            " ",
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch")));
  }

  /** Whether figures of both can be set side by side: the same processor in the same number. */
  public boolean isLike(Machine other) {
    return cpu.equals(other.cpu) && isa.equals(other.isa) && cores == other.cores;
  }

  /** For people: {@code AMD EPYC (avx512), 2 cores, 23.4 GiB}. */
  public String title() {
    return String.format(
        Locale.ROOT,
        "%s (%s), %d core%s, %.1f GiB",
        cpu,
        isa,
        cores,
        cores == 1 ? "" : "s",
        memoryBytes / (double) (1L << 30));
  }

  private static String isaHere() {
    try (Kernels kernels =
        KernelChoice.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(1))
            .kernels()) {
      return kernels.isa();
    }
  }

  /** Of Linux on x86 and of macOS; elsewhere lscpu may know it. */
  private static String cpu(List<String> info) {
    String named = value(info, "model name");
    if (named.isEmpty()) {
      named = output("sysctl", "-n", "machdep.cpu.brand_string");
    }
    if (named.isEmpty()) {
      named = value(output("lscpu").lines().toList(), "Model name");
    }
    return named.isEmpty() ? System.getProperty("os.arch") : named;
  }

  private static OptionalDouble clockMhz(List<String> info) {
    try {
      List<String> most = lines(MOST_KHZ);
      if (!most.isEmpty()) {
        return OptionalDouble.of(Double.parseDouble(most.getFirst().strip()) / 1e3);
      }
      String present = value(info, "cpu MHz");
      return present.isEmpty()
          ? OptionalDouble.empty()
          : OptionalDouble.of(Double.parseDouble(present));
    } catch (NumberFormatException _) {
      return OptionalDouble.empty();
    }
  }

  private static String value(List<String> lines, String key) {
    return lines.stream()
        .filter(line -> line.strip().startsWith(key) && line.contains(":"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("");
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException _) {
      return List.of();
    }
  }

  /** What a program prints; nothing where there is no such program. */
  private static String output(String... command) {
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      try (InputStream printed = process.getInputStream()) {
        return new String(printed.readAllBytes(), StandardCharsets.UTF_8).strip();
      }
    } catch (IOException _) {
      return "";
    }
  }
}
