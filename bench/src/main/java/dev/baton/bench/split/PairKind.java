package dev.baton.bench.split;

import dev.baton.bench.report.Machine;
import dev.baton.bench.stream.OneCore;
import dev.baton.node.NodeCompute;
import org.jspecify.annotations.Nullable;

/**
 * How unlike two nodes on one machine are.
 *
 * @param pinned whether each keeps to a core of its own
 * @param decodeIsa the instruction set level that the decode process is held to, or null for the
 *     machine's best
 * @param prefillDevice what the prefill node computes on, as {@code --device} has it
 * @param decodeDevice the same of the decode process
 */
record PairKind(
    boolean pinned, @Nullable String decodeIsa, String prefillDevice, String decodeDevice) {
  private static final String AVX2 = "avx2";
  private static final String WIDER_THAN_AVX2 = "avx512";

  /** The most unlike pair of Baton's own kernels that this machine can be. */
  static PairKind here() {
    return of(Machine.here(), NodeCompute.CPU, NodeCompute.CPU);
  }

  /** The most unlike pair that this machine can be on these devices. */
  static PairKind of(Machine machine, String prefillDevice, String decodeDevice) {
    boolean wide = machine.isa().equals(WIDER_THAN_AVX2);
    return new PairKind(
        OneCore.whyMissing() == null,
        wide && areExact(prefillDevice, decodeDevice) ? AVX2 : null,
        prefillDevice,
        decodeDevice);
  }

  /** Whether both nodes promise the same bits, and so every answer the same tokens. */
  boolean isExact() {
    return areExact(prefillDevice, decodeDevice);
  }

  private static boolean areExact(String prefillDevice, String decodeDevice) {
    return prefillDevice.equals(NodeCompute.CPU) && decodeDevice.equals(NodeCompute.CPU);
  }

  /** For people, one line that does not promise more than there was. */
  String title(Machine machine) {
    String there = on(prefillDevice, machine.isa());
    String here = on(decodeDevice, decodeIsa == null ? machine.isa() : decodeIsa);
    String cores =
        pinned
            ? "a core each"
            : machine.cores() == 1
                ? "one core for both"
                : "a thread each, on whatever cores the system gives them";
    return (there.equals(here) ? "two like nodes" : "two unlike nodes")
        + " on one machine, "
        + cores
        + ": prefill node "
        + there
        + ", decode node "
        + here
        + (isExact() ? "" : "; answers may differ, as numbers agree within tolerance");
  }

  private static String on(String device, String isa) {
    return device.equals(NodeCompute.CPU) ? isa : device;
  }
}
