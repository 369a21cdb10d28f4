package dev.baton.kernel;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The kernels that a machine gets: the C ones, or the Java ones where those cannot be had.
 *
 * @param kernels to be closed by the caller
 * @param whyNotNative where the C kernels were wanted and cannot be had: one line for the user that
 *     says why and what to do
 */
public record KernelChoice(Kernels kernels, @Nullable String whyNotNative) {

  /**
   * Opens the best kernels there are.
   *
   * @throws IllegalArgumentException if {@code config.isa()} names a level that this machine or
   *     this build lacks
   */
  public static KernelChoice open(KernelsConfig config) {
    if (KernelsConfig.JAVA.equals(config.isa())) {
      return new KernelChoice(new ReferenceKernels(), null);
    }
    Optional<String> missing = NativeKernels.whyMissing();
    if (missing.isEmpty()) {
      return new KernelChoice(NativeKernels.open(config), null);
    }
    if (config.isa() != null) {
      throw new IllegalArgumentException(
          KernelsConfig.ISA_VARIABLE
              + "="
              + config.isa()
              + " cannot be had, only java: "
              + missing.get());
    }
    return new KernelChoice(new ReferenceKernels(), missing.get());
  }
}
