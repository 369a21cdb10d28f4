package dev.baton.bench.split;

import dev.baton.node.NodeCompute;
import picocli.CommandLine.Option;

/** {@code --prefill-device} and {@code --device}: what the two processes of a pair compute on. */
final class DevicesOptions {
  @Option(
      names = "--prefill-device",
      paramLabel = "DEVICE",
      defaultValue = NodeCompute.CPU,
      description =
          "What the prefill node computes on: cpu, or another that 'baton devices' lists (default:"
              + " ${DEFAULT-VALUE}).")
  private String prefill = NodeCompute.CPU;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = NodeCompute.CPU,
      description = "The same of the decode process (default: ${DEFAULT-VALUE}).")
  private String decode = NodeCompute.CPU;

  /** Of the prefill node. */
  String prefill() {
    return prefill;
  }

  /** Of the process that decodes. */
  String decode() {
    return decode;
  }
}
