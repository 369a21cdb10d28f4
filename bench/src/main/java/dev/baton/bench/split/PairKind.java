package dev.baton.bench.split;

import dev.baton.bench.report.Machine;
import dev.baton.bench.stream.OneCore;
import org.jspecify.annotations.Nullable;

/**
 * How unlike two nodes on one machine are.
 *
 * @param pinned whether each keeps to a core of its own
 * @param decodeIsa the instruction set level that the decode process is held to, or null for the
 *     machine's best
 */
record PairKind(boolean pinned, @Nullable String decodeIsa) {
  /** A core each, the decode process held to AVX2. */
  static final PairKind UNLIKE = new PairKind(true, "avx2");

  private static final String WIDER_THAN_AVX2 = "avx512";

  /** The most unlike pair that this machine can be. */
  static PairKind of(Machine machine) {
    boolean wide = machine.isa().equals(WIDER_THAN_AVX2);
    return new PairKind(OneCore.whyMissing() == null, wide ? UNLIKE.decodeIsa : null);
  }

  /** For people, one line that does not promise more than there was. */
  String title(Machine machine) {
    String there = machine.isa();
    String here = decodeIsa == null ? there : decodeIsa;
    String cores =
        pinned
            ? "a core each"
            : machine.cores() == 1
                ? "one core for both"
                : "a thread each, on whatever cores the system gives them";
    return (decodeIsa == null ? "two like nodes" : "two unlike nodes")
        + " on one machine, "
        + cores
        + ": prefill node "
        + there
        + ", decode node "
        + here;
  }
}
