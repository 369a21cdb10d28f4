package dev.baton.bench.stream;

import dev.baton.bench.report.Spread;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Raw Aeron and the full path over the same link, measured in turns.
 *
 * @param shape what was moved
 * @param mtuBytes of both
 * @param bytes of one round
 * @param messageBytes the full path's largest message, and raw Aeron's only one
 * @param raw MB/s
 * @param full MB/s
 * @param ratio full over raw, neighbouring rounds compared
 * @param copied raw Aeron out of a cache's memory and into another's, MB/s, or null where it was
 *     not asked for
 * @param copiedRatio full over that, or null
 * @param encrypt AES-256-GCM, MB/s, or null where it was not asked for
 * @param decrypt the same
 * @param sealed the full path with a cluster key, MB/s, or null
 * @param sealedRatio of that over the slower of raw Aeron and the cipher's slower direction
 * @param rawCpu CPU seconds per GB by thread
 * @param copiedCpu the same, empty where it was not asked for
 * @param fullCpu the same
 * @param sealedCpu the same, empty where it was not asked for
 * @param lost datagrams that the link's queue or a full receive buffer dropped, in all rounds of
 *     both, or -1 where nobody counted
 */
record LinkResult(
    String shape,
    int mtuBytes,
    long bytes,
    int messageBytes,
    Spread raw,
    Spread full,
    Spread ratio,
    @Nullable Spread copied,
    @Nullable Spread copiedRatio,
    @Nullable Spread encrypt,
    @Nullable Spread decrypt,
    @Nullable Spread sealed,
    @Nullable Spread sealedRatio,
    Map<String, Double> rawCpu,
    Map<String, Double> copiedCpu,
    Map<String, Double> fullCpu,
    Map<String, Double> sealedCpu,
    long lost) {
  LinkResult withLost(long datagrams) {
    return new LinkResult(
        shape,
        mtuBytes,
        bytes,
        messageBytes,
        raw,
        full,
        ratio,
        copied,
        copiedRatio,
        encrypt,
        decrypt,
        sealed,
        sealedRatio,
        rawCpu,
        copiedCpu,
        fullCpu,
        sealedCpu,
        datagrams);
  }

  /** CPU seconds per GB of all threads of the full path over those of raw Aeron. */
  double cpuRatio() {
    return total(fullCpu) / total(rawCpu);
  }

  static double total(Map<String, Double> cpu) {
    return cpu.values().stream().mapToDouble(Double::doubleValue).sum();
  }
}
