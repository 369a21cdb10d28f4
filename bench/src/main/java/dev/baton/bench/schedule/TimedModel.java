package dev.baton.bench.schedule;

import dev.baton.catalog.KeptWeights;
import dev.baton.cpu.CpuModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import java.nio.file.Path;

/** A model on kernels whose time is known. */
record TimedModel(TimedKernels kernels, CpuModel model) implements AutoCloseable {
  static TimedModel open(Path file) {
    TimedKernels kernels =
        new TimedKernels(
            KernelChoice.open(KernelsConfig.fromEnvironment(System.getenv())).kernels());
    try {
      return new TimedModel(
          kernels, CpuModel.load(file, kernels, KeptWeights.of(System.getenv()), _ -> {}));
    } catch (RuntimeException | Error e) {
      kernels.close();
      throw e;
    }
  }

  @Override
  public void close() {
    model.close();
    kernels.close();
  }
}
