package dev.baton.gguf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * What the system says of a file. With an equal stamp it is the same file with the same bytes: who
 * writes to it or cuts it changes {@code changedNs}, which nobody can set back as the time of the
 * last writing can be. Hard links, permissions and the like change that time too, so that unlike
 * stamps say only that the bytes have to be looked at.
 *
 * @param device the file system
 * @param inode the file in it
 * @param modifiedNs when it was last written to, as far as one believes it; nanoseconds since 1970
 * @param changedNs when anything of it last changed
 */
public record FileStamp(long device, long inode, long bytes, long modifiedNs, long changedNs) {
  private static final String ATTRIBUTES = "unix:dev,ino,size,lastModifiedTime,ctime";

  /** Systems count the times of files by ticks of up to 10 ms. */
  private static final long TICK_NS = 20_000_000;

  /** Of the file that {@code path} leads to now, links followed; a few microseconds. */
  public static FileStamp of(Path path) throws IOException {
    Map<String, Object> seen = Files.readAttributes(path, ATTRIBUTES);
    return new FileStamp(
        number(seen, "dev"),
        number(seen, "ino"),
        number(seen, "size"),
        time(seen, "lastModifiedTime"),
        time(seen, "ctime"));
  }

  /**
   * The same, a moment later where the file has only just been changed: whatever is done to it from
   * now on gives it another stamp.
   */
  public static FileStamp settled(Path path) throws IOException {
    FileStamp stamp = of(path);
    long ageNs = TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()) - stamp.changedNs;
    if (ageNs < 0 || ageNs >= TICK_NS) {
      return stamp; // long ago, or by another machine's clock
    }
    try {
      TimeUnit.NANOSECONDS.sleep(TICK_NS - ageNs);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return of(path);
  }

  private static long number(Map<String, Object> seen, String name) {
    return ((Number) Objects.requireNonNull(seen.get(name))).longValue();
  }

  private static long time(Map<String, Object> seen, String name) {
    return ((FileTime) Objects.requireNonNull(seen.get(name))).to(TimeUnit.NANOSECONDS);
  }
}
