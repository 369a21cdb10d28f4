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
 * @param raw raw Aeron
 * @param full the full path
 * @param ratio full over raw, neighbouring rounds compared
 * @param keyed the same with a cluster key, or null where it was not asked for
 * @param lost datagrams that the link's queue or a full receive buffer dropped, in all rounds of
 *     both, or -1 where nobody counted
 */
record LinkResult(
    String shape,
    int mtuBytes,
    long bytes,
    int messageBytes,
    Way raw,
    Way full,
    Spread ratio,
    @Nullable Keyed keyed,
    long lost) {
  /**
   * One way to move the bytes.
   *
   * @param rate MB/s
   * @param cpu CPU seconds per GB by thread
   */
  record Way(Spread rate, Map<String, Double> cpu) {
    /** CPU seconds per GB of all threads. */
    double totalCpu() {
      return cpu.values().stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  /**
   * What a key costs, and what it is to be held against.
   *
   * @param copied raw Aeron out of a cache's memory and into another's
   * @param copiedRatio full over that
   * @param encrypt AES-256-GCM, MB/s
   * @param decrypt the same
   * @param sealed the full path with a cluster key
   * @param sealedRatio of that over the slower of raw Aeron and the cipher's slower direction
   */
  record Keyed(
      Way copied,
      Spread copiedRatio,
      Spread encrypt,
      Spread decrypt,
      Way sealed,
      Spread sealedRatio) {}

  LinkResult withLost(long datagrams) {
    return new LinkResult(shape, mtuBytes, bytes, messageBytes, raw, full, ratio, keyed, datagrams);
  }

  /** CPU seconds per GB of all threads of the full path over those of raw Aeron. */
  double cpuRatio() {
    return full.totalCpu() / raw.totalCpu();
  }
}
