package dev.baton.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What some threads of this machine reach at most, measured: the ends of the scales that kernels
 * are compared with.
 *
 * @param dotOpsPerSecond 8-bit multiplications and additions of the level's integer dot
 * @param fmaOpsPerSecond float32 multiplications and additions
 * @param readBytesPerSecond reading of memory that no cache holds
 */
public record CpuPeaks(double dotOpsPerSecond, double fmaOpsPerSecond, double readBytesPerSecond) {
  private static final int DOTS = 0;
  private static final int FMAS = 1;

  /** Ways of reading; which is the fastest depends on the CPU. */
  private static final int[] READS = {2, 3, 4};

  /** Memory to read: well beyond any cache that a core has to itself or shares. */
  private static final long READ_BYTES = 384L << 20;

  private static final long COMPUTE_NS = 40_000_000;
  private static final long FIRST_ROUNDS = 1 << 14;
  private static final int TRIES = 4;

  /** Keeps all threads busy and returns the operations, or bytes, done. */
  @FunctionalInterface
  interface Probe {
    long run(int kind, MemorySegment memory, long rounds);
  }

  static CpuPeaks measure(Probe probe) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = PageMemory.allocate(READ_BYTES, arena);
      memory.fill((byte) 1);
      double reads = 0;
      for (int way : READS) {
        reads = Math.max(reads, best(probe, way, memory, 1));
      }
      return new CpuPeaks(computing(probe, DOTS, memory), computing(probe, FMAS, memory), reads);
    }
  }

  /** The peak of a kind that computes, by runs that are long enough to be timed. */
  private static double computing(Probe probe, int kind, MemorySegment memory) {
    long rounds = FIRST_ROUNDS;
    for (long tookNs = time(probe, kind, memory, rounds).ns();
        tookNs < COMPUTE_NS / 2;
        tookNs = time(probe, kind, memory, rounds).ns()) {
      rounds *= Math.clamp(COMPUTE_NS / tookNs, 2, 64);
    }
    return best(probe, kind, memory, rounds);
  }

  /** The best of some tries, as noise only ever takes. */
  private static double best(Probe probe, int kind, MemorySegment memory, long rounds) {
    double best = 0;
    for (int tries = 0; tries < TRIES; tries++) {
      Run run = time(probe, kind, memory, rounds);
      best = Math.max(best, run.work() * 1e9 / run.ns());
    }
    return best;
  }

  private record Run(long work, long ns) {}

  private static Run time(Probe probe, int kind, MemorySegment memory, long rounds) {
    long startNs = System.nanoTime();
    long work = probe.run(kind, memory, rounds);
    return new Run(work, Math.max(1, System.nanoTime() - startNs));
  }
}
