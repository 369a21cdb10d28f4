package dev.baton.bench.stream;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * CPU time of named threads between two moments. On a machine that is shared, seconds of CPU per
 * gigabyte vary far less than gigabytes per second do. One thread.
 */
final class CpuMeter {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Map<Long, String> roles = new LinkedHashMap<>();
  private Map<String, Long> before = Map.of();

  /** The threads there are now. */
  static Set<Long> threads() {
    Set<Long> ids = new HashSet<>();
    for (long id : THREADS.getAllThreadIds()) {
      ids.add(id);
    }
    return ids;
  }

  /** Gives threads that began since {@code known} their roles: drivers and stream threads. */
  void adopt(Set<Long> known, String end) {
    for (long id : THREADS.getAllThreadIds()) {
      ThreadInfo info = THREADS.getThreadInfo(id);
      if (known.contains(id) || info == null) {
        continue;
      }
      String name = info.getThreadName();
      if (name.contains("driver-conductor")) {
        roles.put(id, end + " driver");
      } else if (name.contains("baton-stream")) {
        roles.put(id, end + " stream");
      }
    }
  }

  /** Gives one thread its role. */
  void adopt(Thread thread, String role) {
    roles.put(thread.threadId(), role);
  }

  void start() {
    before = now();
  }

  /** CPU nanoseconds by role since {@link #start}; threads that ended since are missed. */
  Map<String, Long> stop() {
    Map<String, Long> spent = new LinkedHashMap<>();
    now().forEach((role, ns) -> spent.put(role, ns - before.getOrDefault(role, 0L)));
    return spent;
  }

  private Map<String, Long> now() {
    Map<String, Long> sum = new HashMap<>();
    roles.forEach((id, role) -> {
      long ns = THREADS.getThreadCpuTime(id);
      if (ns >= 0) {
        sum.merge(role, ns, Long::sum);
      }
    });
    return new java.util.TreeMap<>(sum);
  }
}
