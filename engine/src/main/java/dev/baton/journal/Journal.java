package dev.baton.journal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import net.openhft.chronicle.core.time.SystemTimeProvider;
import net.openhft.chronicle.core.time.TimeProvider;
import net.openhft.chronicle.queue.ExcerptTailer;
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
 * skipped, and so is one whose checksum is wrong. Files that are not as they were left are put
 * aside and begun anew with what is whole in them ({@link #notices}).
 *
 * <p>It never costs more than itself: a disk that is full or cannot be written is an exception or,
 * with {@link #openOrNone}, a journal that keeps nothing, and nothing here waits for others longer
 * than a second or two.
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

  /** A folder in use. */
  private record Open(JournalFolder files, JournalQueue queue) {}

  private final Path folder;
  private final List<String> notices;
  private @Nullable Open open; // null where nothing is kept, or any more; guarded by this
  private int appendedDay = -1;

  private Journal(Path folder, @Nullable Open open, List<String> notices) {
    this.folder = folder;
    this.open = open;
    this.notices = new ArrayList<>(notices);
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

  /** As {@link #open}; where that is not possible, a journal that keeps nothing and says why. */
  public static Journal openOrNone(Path folder) {
    try {
      return open(folder);
    } catch (JournalException e) {
      return new Journal(
          folder, null, List.of("what becomes of requests is not noted: " + e.getMessage()));
    }
  }

  static Journal open(Path folder, TimeProvider clock) {
    JournalFolder files = null;
    try {
      files = JournalFolder.open(folder, clock.currentTimeMillis());
      try (JournalFolder.Turn _ = files.firstTurn()) {
        files.dropOldDays(MAX_FILES, MAX_BYTES);
        JournalQueue.reserve(folder, clock.currentTimeMillis());
      }
      JournalQueue queue = JournalQueue.open(folder, clock);
      Journal journal = new Journal(folder, new Open(files, queue), files.notices());
      files = null;
      return journal;
    } catch (IOException | RuntimeException | InternalError e) {
      throw new JournalException(
          "cannot keep a journal in "
              + folder
              + " ("
              + JournalException.reason(e)
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
    } finally {
      if (files != null) {
        files.close();
      }
    }
  }

  /**
   * What to know of the journal's files: what was put aside, or why nothing is kept. A line each.
   */
  public synchronized List<String> notices() {
    return List.copyOf(notices);
  }

  /**
   * Appends an entry, unless nothing is kept.
   *
   * @throws JournalException when it cannot be written; nothing is kept any more then
   */
  public synchronized void append(JournalEntry entry) {
    Open current = open;
    if (current == null) {
      return;
    }
    String line = write(entry);
    if (line.getBytes(StandardCharsets.UTF_8).length > JournalQueue.MAX_LINE_BYTES) {
      return; // a caller's or a model's name is no name
    }
    try (JournalFolder.Turn _ = current.files.turn()) {
      current.queue.append(line);
      if (current.queue.day() != appendedDay) {
        appendedDay = current.queue.day();
        if (current.files.dropOldDays(MAX_FILES, MAX_BYTES)) {
          current.queue.refresh();
        }
      }
    } catch (IOException | RuntimeException | AssertionError | InternalError e) {
      close();
      String notice =
          "cannot append to the journal in "
              + folder
              + " ("
              + JournalException.reason(e)
              + "); what becomes of requests is not noted any more";
      notices.add(notice);
      throw new JournalException(notice, e);
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
    Open current;
    synchronized (this) {
      current = open;
    }
    if (current == null) {
      return from;
    }
    long end = from;
    try (ExcerptTailer tailer = tailer(current.queue, from)) {
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

  private ExcerptTailer tailer(JournalQueue queue, long from) {
    try {
      ExcerptTailer tailer = queue.tailer();
      // Where that day has been dropped there is nothing to move to, and the rest is newer.
      return from != 0 && tailer.moveToIndex(from) ? tailer : tailer.toStart();
    } catch (RuntimeException | AssertionError | InternalError e) {
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
    } catch (RuntimeException | AssertionError | InternalError e) {
      throw unreadable(e);
    }
  }

  private JournalException unreadable(Throwable e) {
    return new JournalException(
        "cannot read the journal in "
            + folder
            + " ("
            + JournalException.reason(e)
            + "); move the folder away to begin anew",
        e);
  }

  /** The line of an entry. */
  static String write(JournalEntry entry) {
    return SealedLine.seal(JSON.writeValueAsString(new Line(VERSION, entry)));
  }

  /** Null for a line that a later version wrote, or that is none or spoiled. */
  static @Nullable JournalEntry read(String text) {
    String unsealed = SealedLine.unseal(text);
    if (unsealed == null) {
      return null;
    }
    try {
      Line line = JSON.readValue(unsealed, Line.class);
      return line != null && line.version() <= VERSION ? line.entry() : null;
    } catch (JacksonException _) {
      return null;
    }
  }

  /** Twice is fine. */
  @Override
  public synchronized void close() {
    Open current = open;
    open = null;
    if (current != null) {
      current.queue.close();
      current.files.close();
    }
  }

  private static void setUnlessSet(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }
}
