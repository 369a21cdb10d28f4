package dev.baton.cli;

import dev.baton.node.NodeCompute;
import picocli.CommandLine.Option;

/** {@code --device}: shared by the commands that compute. */
final class DeviceOption {
  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = NodeCompute.CPU,
      description =
          "What computes here: cpu (Baton's own kernels), ggml-cpu, or another device that 'baton"
              + " devices' lists, like CUDA0, Vulkan0 or Metal (default: ${DEFAULT-VALUE}).")
  private String device = NodeCompute.CPU;

  String name() {
    return device;
  }
}
