package dev.baton.bench.stream;

import java.util.Map;

/**
 * One transfer.
 *
 * @param bytes payload moved
 * @param ns how long it took
 * @param cpuNs CPU time by thread role
 */
record Round(long bytes, long ns, Map<String, Long> cpuNs) {
  double megabytesPerSecond() {
    return bytes * 1e3 / ns;
  }
}
