package dev.baton.journal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import net.openhft.chronicle.core.time.SystemTimeProvider;
import net.openhft.chronicle.core.time.TimeProvider;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.RollCycles;
import net.openhft.chronicle.wire.DocumentContext;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A node's append-only journal of what became of its requests, in a folder of its own: a Chronicle
 * Queue with one file a day, in which each entry is a line of JSON.
 *
 * <p>Any thread may call any method. Processes may share a folder: they append in turn, under a
 * lock that is taken from one that died holding it. An entry is safe from {@code kill -9} once
 * {@link #append} has returned, not from a loss of power; one that was cut off in the middle is
 * skipped.
 *
 * <p>Bounded: only the newest {@value #MAX_FILES} days that have entries are kept, and fewer where
 * they hold more than {@value #MAX_BYTES} bytes; today's file always stays. Old days go when a
 * journal is opened and when a day begins.
 *
 * <p>Source: the files' format is Chronicle Queue 5's.
 */
public final class Journal implements AutoCloseable {
  static final int MAX_FILES = 30;
  static final long MAX_BYTES = 64L << 20;

  /**
   * Of what this class writes. Raised where a field comes to mean something else, not where one is
   * added; entries of a later version are skipped.
   */
  static final int VERSION = 1;

  private static final String FILE_SUFFIX = ".cq4";
  private static final int BLOCK_BYTES = 1 << 20;

  /** How long an append waits for another process's before it asks whether that still lives. */
  private static final long LOCK_TIMEOUT_MS = 2_000;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  static {
    // Its makers' statistics and, without a logging library, its notes: nobody asked for either.
    setUnlessSet("chronicle.analytics.disable", "true");
    setUnlessSet("slf4j.internal.verbosity", "ERROR");
  }

  /** An entry as it is written. */
  record Line(int version, @Nullable JournalEntry entry) {}

  private final Path folder;
  private final ChronicleQueue queue;
  private final ExcerptAppender appender;
  private int appendedCycle = -1;

  private Journal(Path folder, ChronicleQueue queue, ExcerptAppender appender) {
    this.folder = folder;
    this.queue = queue;
    this.appender = appender;
  }

  /**
   * Opens the journal in a folder, which is made where it is missing.
   *
   * @throws JournalException when the folder cannot be written, or the JVM was started without the
   *     flags that Chronicle Queue needs
   */
  public static Journal open(Path folder) {
    return open(folder, SystemTimeProvider.INSTANCE);
  }

  static Journal open(Path folder, TimeProvider clock) {
    try {
      Files.createDirectories(folder);
      ChronicleQueue queue =
          ChronicleQueue.singleBuilder(folder)
              .rollCycle(RollCycles.FAST_DAILY)
              .blockSize(BLOCK_BYTES)
              .timeoutMS(LOCK_TIMEOUT_MS)
              .timeProvider(clock)
              .build();
      try {
        ExcerptAppender appender = queue.createAppender();
        // Under this object's lock one thread at a time appends, but not always the same.
        appender.singleThreadedCheckDisabled(true);
        Journal journal = new Journal(folder, queue, appender);
        journal.dropOldDays();
        return journal;
      } catch (RuntimeException | Error e) {
        queue.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) {
      throw new JournalException(
          "cannot keep a journal in "
              + folder
              + " ("
              + e
              + "); set BATON_HOME to a folder that can be written",
          e);
    } catch (AssertionError | ExceptionInInitializerError | NoClassDefFoundError e) {
      // How Chronicle reports that a class of the JDK is closed to it.
      throw new JournalException(
          "the journal needs JVM flags that are missing: add --add-exports"
              + " java.base/jdk.internal.ref=ALL-UNNAMED --add-exports"
              + " java.base/sun.nio.ch=ALL-UNNAMED --add-opens"
              + " java.base/java.lang.reflect=ALL-UNNAMED",
          e);
    }
  }

  /**
   * Appends an entry.
   *
   * @throws JournalException when it cannot be written
   */
  public synchronized void append(JournalEntry entry) {
    String line = JSON.writeValueAsString(new Line(VERSION, entry));
    try {
      appender.writeText(line);
      int cycle = appender.cycle();
      if (cycle != appendedCycle) {
        appendedCycle = cycle;
        dropOldDays();
      }
    } catch (IOException | RuntimeException e) {
      throw new JournalException("cannot append to the journal in " + folder + " (" + e + ")", e);
    }
  }

  /**
   * Hands over all entries, oldest first.
   *
   * @return where the journal ended, for {@link #tail}
   * @throws JournalException when it cannot be read
   */
  public long replay(Consumer<JournalEntry> consumer) {
    return tail(0, consumer);
  }

  /**
   * Hands over the entries that were appended, by whichever process, since the journal ended at
   * {@code from}. Does not wait for any.
   *
   * @param from what {@link #replay} or this method returned before
   * @return where the journal ends now
   * @throws JournalException when it cannot be read
   */
  public long tail(long from, Consumer<JournalEntry> consumer) {
    long end = from;
    try (ExcerptTailer tailer = tailer(from)) {
      for (Found found = next(tailer); found != null; found = next(tailer)) {
        // The first one found is the last one of the call before.
        JournalEntry entry = found.index > from ? read(found.line) : null;
        if (entry != null) {
          consumer.accept(entry);
        }
        end = Math.max(end, found.index);
      }
    }
    return end;
  }

  private ExcerptTailer tailer(long from) {
    try {
      ExcerptTailer tailer = queue.createTailer();
      // Where that day has been dropped there is nothing to move to, and the rest is newer.
      return from != 0 && tailer.moveToIndex(from) ? tailer : tailer.toStart();
    } catch (RuntimeException e) {
      throw unreadable(e);
    }
  }

  /** A line and its place in the queue. */
  private record Found(long index, String line) {}

  private @Nullable Found next(ExcerptTailer tailer) {
    try (DocumentContext document = tailer.readingDocument()) {
      if (!document.isPresent()) {
        return null;
      }
      String line = document.wire().getValueIn().text();
      return new Found(document.index(), line == null ? "" : line);
    } catch (RuntimeException e) {
      throw unreadable(e);
    }
  }

  private JournalException unreadable(RuntimeException e) {
    return new JournalException(
        "cannot read the journal in " + folder + " (" + e + "); move the folder away to begin anew",
        e);
  }

  /** Null for a line that a later version wrote, or that is none. */
  static @Nullable JournalEntry read(String text) {
    try {
      Line line = JSON.readValue(text, Line.class);
      return line.version() <= VERSION ? line.entry() : null;
    } catch (JacksonException _) {
      return null;
    }
  }

  private void dropOldDays() throws IOException {
    List<Path> newestFirst;
    try (Stream<Path> files = Files.list(folder)) {
      newestFirst =
          files
              .filter(file -> file.getFileName().toString().endsWith(FILE_SUFFIX))
              .sorted((a, b) -> b.getFileName().compareTo(a.getFileName()))
              .toList();
    }
    long bytes = 0;
    boolean dropped = false;
    for (int i = 0; i < newestFirst.size(); i++) {
      Path file = newestFirst.get(i);
      bytes += Files.exists(file) ? Files.size(file) : 0;
      if (i > 0 && (i >= MAX_FILES || bytes > MAX_BYTES)) {
        dropped |= Files.deleteIfExists(file);
      }
    }
    if (dropped) {
      queue.refreshDirectoryListing();
    }
  }

  @Override
  public synchronized void close() {
    appender.close();
    queue.close();
  }

  private static void setUnlessSet(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }
}
