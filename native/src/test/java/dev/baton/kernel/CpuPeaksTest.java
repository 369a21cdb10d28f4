package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class CpuPeaksTest {
  static List<String> levels() {
    return NativeKernels.levels();
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("levels")
  void shouldMeasureWhatAMachineCanReach(String level) {
    KernelsConfig config = KernelsConfig.defaults().withThreads(2).withIsa(level);
    try (NativeKernels kernels = NativeKernels.open(config)) {
      CpuPeaks peaks = kernels.peaks();
      // From a phone's core in plain C to a server's.
      assertTrue(peaks.dotOpsPerSecond() > 1e8 && peaks.dotOpsPerSecond() < 1e13, "" + peaks);
      assertTrue(peaks.fmaOpsPerSecond() > 1e7 && peaks.fmaOpsPerSecond() < 2e12, "" + peaks);
      assertTrue(peaks.readBytesPerSecond() > 1e8 && peaks.readBytesPerSecond() < 1e12, "" + peaks);
    }
  }

  @Test
  void shouldDivideWorkByTheTimeItTook() {
    List<Long> rounds = new ArrayList<>();
    CpuPeaks peaks =
        CpuPeaks.measure((kind, _, n) -> {
          rounds.add(n);
          spin(kind == 2 ? 5_000_000 : n * 1000);
          return kind == 2 ? 5_000_000 : n * 1000;
        });
    // One unit of work a nanosecond; a machine that is busy elsewhere makes it less.
    assertEquals(1e9, peaks.dotOpsPerSecond(), 0.2e9);
    assertEquals(1e9, peaks.readBytesPerSecond(), 0.2e9);
    assertTrue(rounds.contains(1L), "memory is read once, or a cache would be measured");
  }

  private static void spin(long ns) {
    for (long startNs = System.nanoTime(); System.nanoTime() - startNs < ns; ) {
      Thread.onSpinWait();
    }
  }
}
