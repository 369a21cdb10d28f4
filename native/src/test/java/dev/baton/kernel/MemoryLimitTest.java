package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The limit of systems that are made of files as Linux has them. */
class MemoryLimitTest {
  private static final long GB = 1L << 30;
  private static final String V2 =
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
  private static final String V1 =
      "25 20 0:20 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
          + "26 25 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
          + "27 25 0:22 %s /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n";

  @TempDir Path root;

  @BeforeEach
  void haveMemory() throws IOException {
    write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1234 kB\n");
  }

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private void group(String cgroup, String mounts) throws IOException {
    write("proc/self/cgroup", cgroup);
    write("proc/self/mountinfo", mounts);
  }

  @Test
  void shouldBeTheMachinesMemoryWithoutGroups() {
    assertEquals(16 * GB, MemoryLimit.ofSystemAt(root));
  }

  @Test
  void shouldTakeTheSmallestLimitFromItsGroupUp() throws IOException {
    group("0::/user.slice/baton.service\n", V2);
    write("sys/fs/cgroup/user.slice/baton.service/memory.max", "max\n");
    write("sys/fs/cgroup/user.slice/memory.max", Long.toString(3 * GB));
    assertEquals(3 * GB, MemoryLimit.ofSystemAt(root));
    write("sys/fs/cgroup/user.slice/baton.service/memory.max", 2 * GB + "\n");
    assertEquals(2 * GB, MemoryLimit.ofSystemAt(root));
    write("sys/fs/cgroup/user.slice/baton.service/memory.max", 20 * GB + "\n");
    write("sys/fs/cgroup/user.slice/memory.max", "max\n");
    assertEquals(16 * GB, MemoryLimit.ofSystemAt(root));
  }

  @Test
  void shouldReadTheOlderVersionAlsoWhereAContainerMountsItsOwnGroup() throws IOException {
    group("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n", V1.formatted("/"));
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
    write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "" + GB);
    assertEquals(GB, MemoryLimit.ofSystemAt(root));
    group("4:memory:/docker/abc\n", V1.formatted("/docker/abc"));
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "" + 4 * GB);
    assertEquals(4 * GB, MemoryLimit.ofSystemAt(root));
    group("4:memory:/elsewhere\n", V1.formatted("/docker/abc"));
    assertEquals(4 * GB, MemoryLimit.ofSystemAt(root));
  }

  @Test
  void shouldSurviveFilesThatSayNothing() throws IOException {
    group("nonsense\n0::/../../etc\n", "short\n" + V2);
    assertEquals(16 * GB, MemoryLimit.ofSystemAt(root));
    write("sys/fs/cgroup/memory.max", "much");
    assertEquals(16 * GB, MemoryLimit.ofSystemAt(root));
  }

  @Test
  void shouldKnowThisMachine() {
    assertTrue(MemoryLimit.bytes() > 1 << 20, "" + MemoryLimit.bytes());
  }
}
