package dev.baton.cli;

import dev.baton.catalog.CacheFolder;
import dev.baton.kernel.CpuPeaks;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kvstream.media.OffloadReport;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton doctor}: what of this machine Baton uses, and what could be better. */
@Command(
    name = "doctor",
    header = "Show what Baton finds on this machine, and what could be better.",
    description = "%nExit code 1 where something keeps Baton from working.%n",
    footerHeading = "%nExample:%n",
    footer = "  baton doctor --json | jq '.[] | select(.verdict != \"good\")'")
final class DoctorCommand implements Callable<Integer> {
  /** What the stream asks of a socket's buffer at best. */
  private static final long WANTED_SOCKET_BYTES = 2L << 20;

  private static final long WANTED_SHM_BYTES = 256L << 20;
  private static final Path SHM = Path.of("/dev/shm");

  private final Terminal terminal;
  private final List<Finding> findings = new ArrayList<>();

  @Option(names = "--json", description = "Print a JSON array.")
  private boolean json;

  DoctorCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** How a finding bears on Baton. */
  enum Verdict {
    good,
    slow,
    broken
  }

  /**
   * One thing looked at.
   *
   * @param advice what to do; empty where it is good
   */
  record Finding(String what, Verdict verdict, String found, String advice) {}

  @Override
  public Integer call() {
    findings.clear();
    good("baton", BatonCli.Version.number());
    good(
        "java",
        System.getProperty("java.runtime.version")
            + " ("
            + System.getProperty("java.vendor")
            + ") in "
            + System.getProperty("java.home"));
    good(
        "machine",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.arch")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    lookAtKernels();
    lookAtSharedMemory();
    lookAtSocketBuffers();
    lookAtDatagrams();
    lookAtCacheFolder();
    if (json) {
      terminal.println(Json.line(findings));
    } else {
      findings.forEach(this::show);
    }
    return findings.stream().anyMatch(finding -> finding.verdict() == Verdict.broken)
        ? BatonCli.FAILED
        : BatonCli.DONE;
  }

  private void lookAtKernels() {
    String wanted = terminal.env().getOrDefault(KernelsConfig.ISA_VARIABLE, "");
    String why =
        wanted.isBlank()
            ? "the best this machine has"
            : KernelsConfig.ISA_VARIABLE + " asks for them";
    try {
      KernelChoice choice = KernelChoice.open(KernelsConfig.fromEnvironment(terminal.env()));
      try (Kernels kernels = choice.kernels()) {
        String notNative = choice.whyNotNative();
        if (notNative == null) {
          good("kernels", kernels.description() + ", " + why);
          lookAtPeaks(kernels);
        } else {
          add("kernels", Verdict.slow, kernels.description(), notNative);
        }
      }
    } catch (IllegalArgumentException e) {
      add("kernels", Verdict.broken, "none", Failure.oneLine(e.getMessage()));
    }
  }

  private void lookAtPeaks(Kernels kernels) {
    if (kernels instanceof NativeKernels measured) {
      CpuPeaks peaks = measured.peaks();
      good(
          "peaks",
          String.format(
              Locale.ROOT,
              "%.0f GOPS of integer dots, %.0f GFLOPS of float multiply-adds, %.1f GB/s of reading",
              peaks.dotOpsPerSecond() / 1e9,
              peaks.fmaOpsPerSecond() / 1e9,
              peaks.readBytesPerSecond() / 1e9));
    }
  }

  private void lookAtSharedMemory() {
    if (!Files.isDirectory(SHM)) {
      add(
          "shared memory",
          Verdict.slow,
          "no " + SHM,
          "the stream's buffers are files in the temporary folder");
      return;
    }
    long free = usableBytes(SHM);
    boolean enough = Files.isWritable(SHM) && free >= WANTED_SHM_BYTES;
    add(
        "shared memory",
        enough ? Verdict.good : Verdict.slow,
        SHM + ", " + ReportText.bytes(free) + " free",
        enough
            ? ""
            : "give it "
                + ReportText.bytes(WANTED_SHM_BYTES)
                + " or more (docker run --shm-size=1g)");
  }

  private void lookAtSocketBuffers() {
    Path limit = Path.of("/proc/sys/net/core/rmem_max");
    // A file under /proc/sys gives its value to the first read alone, which Files.readString spends
    // on one byte.
    try (BufferedReader reader = Files.newBufferedReader(limit)) {
      String value = reader.readLine();
      long bytes = Long.parseLong(value == null ? "" : value.strip());
      boolean enough = bytes >= WANTED_SOCKET_BYTES;
      add(
          "socket buffer",
          enough ? Verdict.good : Verdict.slow,
          ReportText.bytes(bytes) + " at most",
          enough
              ? ""
              : "sysctl -w net.core.rmem_max="
                  + WANTED_SOCKET_BYTES
                  + " net.core.wmem_max="
                  + WANTED_SOCKET_BYTES);
    } catch (IOException | NumberFormatException _) {
      good("socket buffer", "this system does not tell its limit");
    }
  }

  private void lookAtDatagrams() {
    OffloadReport report = OffloadReport.ofThisSystem();
    add(
        "datagrams",
        report.isComplete() ? Verdict.good : Verdict.slow,
        report.toString(),
        report.isComplete() ? "" : "Linux 5.0 or newer takes runs of them, at a fifth of the work");
  }

  private void lookAtCacheFolder() {
    Path folder = CacheFolder.of(terminal.env());
    try {
      Files.createDirectories(folder);
    } catch (IOException _) {
      // Said below: it cannot be written.
    }
    if (Files.isWritable(folder)) {
      good("cache folder", folder + ", " + ReportText.bytes(usableBytes(folder)) + " free");
    } else {
      add(
          "cache folder",
          Verdict.broken,
          folder + " cannot be written",
          "set BATON_HOME to a folder that can");
    }
  }

  private static long usableBytes(Path folder) {
    try {
      return Files.getFileStore(folder).getUsableSpace();
    } catch (IOException _) {
      return 0;
    }
  }

  private void good(String what, String found) {
    add(what, Verdict.good, found, "");
  }

  private void add(String what, Verdict verdict, String found, String advice) {
    findings.add(new Finding(what, verdict, found, advice));
  }

  private void show(Finding finding) {
    String mark =
        switch (finding.verdict()) {
          case good -> terminal.ansi().string("@|green good  |@");
          case slow -> terminal.ansi().string("@|yellow slow  |@");
          case broken -> terminal.ansi().string("@|red broken|@");
        };
    terminal.println(
        String.format(Locale.ROOT, "%s  %-14s %s", mark, finding.what(), finding.found())
            + (finding.advice().isEmpty() ? "" : ": " + finding.advice()));
  }
}
