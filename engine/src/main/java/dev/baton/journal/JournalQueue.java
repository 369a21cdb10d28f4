package dev.baton.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import net.openhft.chronicle.core.OS;
import net.openhft.chronicle.core.time.TimeProvider;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.RollCycles;

/**
 * The Chronicle Queue of a journal. Chronicle writes through mappings, and its files are sparse: a
 * write where the disk has no space for it ends the JVM. So here no file is sparse, and none is
 * made or grows by Chronicle's doing: its zeros are written before, which fails as an exception
 * where it must. What Chronicle would do at the beginning of a day is done before with a clock of
 * its own.
 *
 * <p>One thread at a time, in one process at a time; reading is free to all.
 */
final class JournalQueue implements AutoCloseable {
  static final String SUFFIX = ".cq4";
  static final String METADATA = "metadata" + SUFFIX + "t";

  /** A longer line does not come from a request as it should be. */
  static final int MAX_LINE_BYTES = 32 << 10;

  private static final RollCycles DAILY = RollCycles.FAST_DAILY;
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern(DAILY.format(), Locale.ROOT).withZone(ZoneOffset.UTC);

  /** What Chronicle maps at once, and beyond it. */
  private static final int BLOCK_BYTES = 256 << 10;

  private static final int OVERLAP_BYTES = BLOCK_BYTES / 4;

  /** As Chronicle makes it: it looks at the last byte, and must not find it beyond what it maps. */
  private static final int METADATA_BYTES = 2 * OS.SAFE_PAGE_SIZE;

  /** A line, and an index that Chronicle puts before it now and then. */
  private static final int MOST_AT_ONCE_BYTES = MAX_LINE_BYTES + (64 << 10);

  /** For file systems that take a new place for what is written again. */
  private static final long LEAST_FREE_BYTES = 1 << 20;

  /** How long an append waits for another process's before it asks whether that still lives. */
  private static final long LOCK_TIMEOUT_MS = 300;

  private static final int LENGTH_MASK = (1 << 30) - 1;

  private final Room room;
  private final TimeProvider clock;
  private final Settable now;
  private final ChronicleQueue queue;
  private final ExcerptAppender appender;

  /** The time as Chronicle sees it. */
  private static final class Settable implements TimeProvider {
    private volatile long ms;

    @Override
    public long currentTimeMillis() {
      return ms;
    }
  }

  /** Sees to the room in a day's file. */
  private static final class Room {
    private final Path folder;

    /** Where the file's lines end that was appended to last. */
    private Path walked = Path.of("");

    private long walkedTo;

    Room(Path folder) {
      this.folder = folder;
    }

    /**
     * Makes sure that the file of now, or a later one where the clock was put back, has the room.
     */
    void reserveForALine(long nowMs) throws IOException {
      requireFree(folder);
      String name = fileName(nowMs);
      try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
        for (Path file : files) {
          String other = file.getFileName().toString();
          name = other.compareTo(name) > 0 ? other : name;
        }
      }
      Path file = folder.resolve(name);
      long end = Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? end(file) : 0;
      long blocks = (end + MOST_AT_ONCE_BYTES) / BLOCK_BYTES + 1;
      fill(file, blocks * BLOCK_BYTES + OVERLAP_BYTES);
    }

    /**
     * Walks along Chronicle's headers: an int32 with the length, and flags in its two upper bits.
     */
    private long end(Path file) throws IOException {
      if (!file.equals(walked)) {
        walked = file;
        walkedTo = 0;
      }
      ByteBuffer header = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
        long size = channel.size();
        while (walkedTo + Integer.BYTES <= size && channel.read(header.clear(), walkedTo) == 4) {
          int length = header.getInt(0) & LENGTH_MASK;
          if (length == 0) {
            break;
          }
          walkedTo += Integer.BYTES + Math.ceilDiv(length, Integer.BYTES) * (long) Integer.BYTES;
        }
        return Math.min(walkedTo, size);
      }
    }
  }

  private JournalQueue(
      Room room, TimeProvider clock, Settable now, ChronicleQueue queue, ExcerptAppender appender) {
    this.room = room;
    this.clock = clock;
    this.now = now;
    this.queue = queue;
    this.appender = appender;
  }

  /** Makes room in a folder for opening it, and for a line. One thread of one process at a time. */
  static void reserve(Path folder, long nowMs) throws IOException {
    requireFree(folder);
    fill(folder.resolve(METADATA), METADATA_BYTES);
    new Room(folder).reserveForALine(nowMs);
  }

  /** Opens a folder that nobody else has. */
  static JournalQueue openAlone(Path folder, TimeProvider clock) throws IOException {
    reserve(folder, clock.currentTimeMillis());
    return open(folder, clock);
  }

  /** Opens a folder in which room was {@linkplain #reserve made}. */
  static JournalQueue open(Path folder, TimeProvider clock) {
    Settable now = new Settable();
    now.ms = clock.currentTimeMillis();
    ChronicleQueue queue =
        ChronicleQueue.singleBuilder(folder)
            .rollCycle(DAILY)
            .blockSize(BLOCK_BYTES)
            .timeoutMS(LOCK_TIMEOUT_MS)
            .timeProvider(now)
            .build();
    try {
      ExcerptAppender appender = queue.createAppender();
      // Under the journal's lock one thread at a time appends, but not always the same.
      appender.singleThreadedCheckDisabled(true);
      return new JournalQueue(new Room(folder), clock, now, queue, appender);
    } catch (RuntimeException | Error e) {
      queue.close();
      throw e;
    }
  }

  /** The name of a day's file. */
  static String fileName(long ms) {
    return DAY.format(Instant.ofEpochMilli(ms)) + SUFFIX;
  }

  /** When the day of a file began. */
  static long dayMs(String fileName) {
    LocalDate day =
        LocalDate.parse(
            fileName.substring(0, fileName.length() - SUFFIX.length()),
            DateTimeFormatter.ofPattern(DAILY.format(), Locale.ROOT));
    return day.atStartOfDay(ZoneOffset.UTC).toInstant().toEpochMilli();
  }

  /**
   * Appends a line.
   *
   * @throws IOException when there is no room for it
   */
  void append(String line) throws IOException {
    now.ms = clock.currentTimeMillis();
    room.reserveForALine(now.ms);
    appender.writeText(line);
  }

  /**
   * Ends the day's file, by beginning another with an empty line: readers go on with what follows.
   */
  void endDay() throws IOException {
    now.ms = clock.currentTimeMillis() + TimeUnit.DAYS.toMillis(1);
    room.reserveForALine(now.ms);
    appender.writeText("");
  }

  /** The day that was appended to last. */
  int day() {
    return appender.cycle();
  }

  ExcerptTailer tailer() {
    return queue.createTailer();
  }

  /** Files have been removed. */
  void refresh() {
    queue.refreshDirectoryListing();
  }

  @Override
  public void close() {
    appender.close();
    queue.close();
  }

  private static void requireFree(Path folder) throws IOException {
    long free = folder.toFile().getUsableSpace();
    if (free < LEAST_FREE_BYTES) {
      throw new IOException(String.format(Locale.ROOT, "only %.0f kB are free", free / 1e3));
    }
  }

  /** Makes a file at least so long, with zeros that have their place on the disk. */
  private static void fill(Path file, long bytes) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      long before = channel.size();
      try {
        ByteBuffer zeros = ByteBuffer.allocate(64 << 10);
        for (long at = before; at < bytes; ) {
          zeros.clear().limit((int) Math.min(zeros.capacity(), bytes - at));
          at += channel.write(zeros, at);
        }
      } catch (IOException e) {
        channel.truncate(before);
        throw e;
      }
    }
  }
}
