package dev.baton.kernel;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What kernels to open.
 *
 * @param threads threads that share an operation, the caller's among them
 * @param pinned whether each thread but the caller's keeps to one core, where the system allows it
 * @param isa a level to use instead of the machine's best: {@code avx512}, {@code avx2}, {@code
 *     neon}, {@code scalar}, or {@code java} for {@link ReferenceKernels}
 */
public record KernelsConfig(int threads, boolean pinned, @Nullable String isa) {
  /** The environment variable that chooses a level. */
  public static final String ISA_VARIABLE = "BATON_CPU_ISA";

  /** The level that stands for {@link ReferenceKernels}. */
  public static final String JAVA = "java";

  /** The most threads that share an operation. */
  public static final int MAX_THREADS = 1024;

  public KernelsConfig {
    if (threads < 1 || threads > MAX_THREADS) {
      throw new IllegalArgumentException(
          "kernels run on 1 to " + MAX_THREADS + " threads, not " + threads);
    }
  }

  /** One thread a processor, not pinned, the machine's best level. */
  public static KernelsConfig defaults() {
    return fromEnvironment(Map.of());
  }

  /** The defaults, with the level that {@value #ISA_VARIABLE} names. */
  public static KernelsConfig fromEnvironment(Map<String, String> environment) {
    String isa = environment.get(ISA_VARIABLE);
    int processors = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
    return new KernelsConfig(processors, false, isa == null || isa.isBlank() ? null : isa.strip());
  }

  /** The same on {@code count} threads. */
  public KernelsConfig withThreads(int count) {
    return new KernelsConfig(count, pinned, isa);
  }

  /** The same at level {@code level}, or at the machine's best for null. */
  public KernelsConfig withIsa(@Nullable String level) {
    return new KernelsConfig(threads, pinned, level);
  }
}
