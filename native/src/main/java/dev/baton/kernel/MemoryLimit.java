package dev.baton.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * How much memory this process can have at most: the machine's, or less where a control group that
 * it is in, or one above that, has a limit. Of groups both versions are read: {@code memory.max}
 * and {@code memory.limit_in_bytes}.
 *
 * <p>What others use now is not taken off, so that a machine gives the same answer each time.
 */
public final class MemoryLimit {
  private static final String TOTAL = "MemTotal:";
  private static final String GROUP_V1 = "memory.limit_in_bytes";
  private static final String GROUP_V2 = "memory.max";

  /** Where a mount's own fields end in {@code mountinfo}, and its file system's begin. */
  private static final String SEPARATOR = " - ";

  private static final int GROUP_FIELDS = 3;
  private static final int MOUNT_ROOT_FIELD = 3;
  private static final int MOUNT_POINT_FIELD = 4;

  private final Path root;

  private MemoryLimit(Path root) {
    this.root = root;
  }

  /** That limit in bytes. */
  public static long bytes() {
    return ofSystemAt(Path.of("/"));
  }

  /**
   * The same of a system whose files are elsewhere, for tests.
   *
   * @param root the folder with {@code proc} in it
   */
  static long ofSystemAt(Path root) {
    MemoryLimit system = new MemoryLimit(root);
    return Math.min(system.physicalBytes(), system.groupBytes());
  }

  private long physicalBytes() {
    for (String line : lines("proc/meminfo")) {
      if (line.startsWith(TOTAL)) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
      }
    }
    // Another system than Linux; the bean is slow to load, so it is asked last.
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean os
        ? os.getTotalMemorySize()
        : Runtime.getRuntime().maxMemory();
  }

  /** The smallest limit of all groups that this process is in; the largest number for none. */
  private long groupBytes() {
    long least = Long.MAX_VALUE;
    for (String line : lines("proc/self/cgroup")) {
      String[] fields = line.split(":", GROUP_FIELDS); // number:controllers:path
      if (fields.length < GROUP_FIELDS) {
        continue;
      }
      boolean unified = fields[1].isEmpty();
      if (unified || List.of(fields[1].split(",")).contains("memory")) {
        least = Math.min(least, limitOf(unified, fields[2]));
      }
    }
    return least;
  }

  private long limitOf(boolean unified, String group) {
    for (String line : lines("proc/self/mountinfo")) {
      int end = line.indexOf(SEPARATOR);
      String system = end < 0 ? "" : line.substring(end + SEPARATOR.length());
      boolean wanted =
          unified
              ? system.startsWith("cgroup2 ")
              : system.startsWith("cgroup ") && (system + ",").matches(".*[ ,]memory,.*");
      if (wanted) {
        String[] fields = line.split(" ");
        return leastUpTo(
            at(fields[MOUNT_POINT_FIELD]),
            fields[MOUNT_ROOT_FIELD],
            group,
            unified ? GROUP_V2 : GROUP_V1);
      }
    }
    return Long.MAX_VALUE;
  }

  /** From the group up to the topmost one that is mounted here. */
  private static long leastUpTo(Path mount, String mountRoot, String group, String file) {
    // In a container the group may be named from the machine's root, and mounted from itself on.
    String below =
        mountRoot.length() > 1 && (group + "/").startsWith(mountRoot + "/")
            ? group.substring(mountRoot.length())
            : group;
    Path own = mount.resolve(below.replaceFirst("^/+", "")).normalize();
    Path at = own.startsWith(mount) && Files.isDirectory(own) ? own : mount;
    long least = Long.MAX_VALUE;
    while (at != null && at.startsWith(mount)) {
      least = Math.min(least, limitIn(at.resolve(file)));
      at = at.getParent();
    }
    return least;
  }

  /** A word, {@code max}, stands for none; the older version has a huge number instead. */
  private static long limitIn(Path file) {
    try {
      String text = Files.readString(file).strip().toLowerCase(Locale.ROOT);
      return text.matches("\\d{1,18}") ? Long.parseLong(text) : Long.MAX_VALUE;
    } catch (IOException _) {
      return Long.MAX_VALUE; // the topmost group has no such file
    }
  }

  private Path at(String absolute) {
    return root.resolve(absolute.replaceFirst("^/+", ""));
  }

  private List<String> lines(String file) {
    try {
      return Files.readAllLines(root.resolve(file));
    } catch (IOException | UncheckedIOException _) {
      return List.of();
    }
  }
}
