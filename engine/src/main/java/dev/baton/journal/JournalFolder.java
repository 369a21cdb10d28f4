package dev.baton.journal;

import dev.baton.catalog.SetAside;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A journal's folder: who has it open, whose turn it is to append, and what is done about files
 * that are not as they were left. Chronicle Queue trusts its files, so it only sees those that it
 * closed itself, byte for byte ({@link Seal}), or that were written anew.
 *
 * <p>Whoever opens a folder that nobody else has open looks at its files. One that is spoiled is
 * put aside, and what lines in it are whole are written anew; one whose process was killed is
 * written anew likewise. The last one to close it seals the files.
 *
 * <p>Any thread.
 */
final class JournalFolder implements AutoCloseable {
  private static final String LOCK = "lock";
  private static final String ANEW = "anew";

  /** Bytes of the lock file: the one who has the folder open, the one who appends. */
  private static final long OPEN_AT = 0;

  private static final long APPEND_AT = 1;

  /** For who looks at the files, which is over soon unless that process was stopped. */
  private static final long OPEN_PATIENCE_NS = TimeUnit.SECONDS.toNanos(5);

  private static final long APPEND_PATIENCE_NS = TimeUnit.MILLISECONDS.toNanos(1_500);
  private static final long POLL_MS = 2;
  private static final long DAY_MS = TimeUnit.DAYS.toMillis(1);

  /** Locks of files are the process's: those who share one share this too. */
  private static final Map<Path, JournalFolder> OPEN = new HashMap<>(); // guarded by itself

  private final Path path;
  private final FileChannel lockFile;
  private final List<String> notices = new ArrayList<>();
  private final ReentrantLock turn = new ReentrantLock();
  private int users = 1; // guarded by OPEN
  private @Nullable FileLock shared;

  private JournalFolder(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /**
   * Opens a folder, which is made where it is missing.
   *
   * @param nowMs the time
   * @throws IOException when it cannot be written, or another process has it for itself for long
   */
  static JournalFolder open(Path folder, long nowMs) throws IOException {
    synchronized (OPEN) {
      Files.createDirectories(folder);
      Path path = folder.toRealPath();
      JournalFolder known = OPEN.get(path);
      if (known != null) {
        known.users++;
        return known;
      }
      JournalFolder opened = new JournalFolder(path, lockFile(path));
      try {
        opened.begin(nowMs);
      } catch (IOException | RuntimeException | Error e) {
        opened.lockFile.close();
        throw e;
      }
      OPEN.put(path, opened);
      return opened;
    }
  }

  private static FileChannel lockFile(Path path) throws IOException {
    Path file = path.resolve(LOCK);
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !isRegular(file)) {
      SetAside.put(file);
    }
    return FileChannel.open(
        file,
        StandardOpenOption.CREATE,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE,
        LinkOption.NOFOLLOW_LINKS);
  }

  private void begin(long nowMs) throws IOException {
    try (FileLock alone = lockFile.tryLock(OPEN_AT, 1, false)) {
      if (alone != null) {
        mend(nowMs);
      }
    }
    shared = await(() -> lockFile.tryLock(OPEN_AT, 1, true), System.nanoTime() + OPEN_PATIENCE_NS);
  }

  /** What was done about its files, a line each. */
  List<String> notices() {
    return List.copyOf(notices);
  }

  /** The right to append. */
  interface Turn extends AutoCloseable {
    @Override
    void close() throws IOException;
  }

  /**
   * Waits for the right to append, not for long.
   *
   * @throws IOException when others have it all the time
   */
  Turn turn() throws IOException {
    return turn(APPEND_PATIENCE_NS);
  }

  /** As {@link #turn()}, as long as others may take to open the folder. */
  Turn firstTurn() throws IOException {
    return turn(OPEN_PATIENCE_NS);
  }

  private Turn turn(long patienceNs) throws IOException {
    long deadlineNs = System.nanoTime() + patienceNs;
    try {
      if (!turn.tryLock(patienceNs, TimeUnit.NANOSECONDS)) {
        throw busy();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    try {
      FileLock lock = await(() -> lockFile.tryLock(APPEND_AT, 1, false), deadlineNs);
      return () -> {
        try (lock) {
          turn.unlock();
        }
      };
    } catch (IOException | RuntimeException | Error e) {
      turn.unlock();
      throw e;
    }
  }

  private static IOException busy() {
    return new IOException("another process does not let go of it");
  }

  private static FileLock await(Callable<@Nullable FileLock> lock, long deadlineNs)
      throws IOException {
    try {
      while (true) {
        FileLock taken = lock.call();
        if (taken != null) {
          return taken;
        }
        if (System.nanoTime() - deadlineNs > 0) {
          throw busy();
        }
        Thread.sleep(POLL_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
  }

  /**
   * Removes the oldest days beyond what is kept.
   *
   * @return whether there were any
   */
  boolean dropOldDays(int maxFiles, long maxBytes) throws IOException {
    List<Path> newestFirst = days().reversed();
    long bytes = 0;
    boolean dropped = false;
    for (int i = 0; i < newestFirst.size(); i++) {
      Path file = newestFirst.get(i);
      bytes += isRegular(file) ? Files.size(file) : 0;
      if (i > 0 && (i >= maxFiles || bytes > maxBytes) && isRegular(file)) {
        dropped |= Files.deleteIfExists(file);
      }
    }
    return dropped;
  }

  /** The days' files, the oldest first. */
  private List<Path> days() throws IOException {
    List<Path> days = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*" + JournalQueue.SUFFIX)) {
      files.forEach(days::add);
    }
    days.sort(null);
    return days;
  }

  private static boolean isRegular(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }

  /** Nobody else has the folder open. */
  private void mend(long nowMs) throws IOException {
    dropOldDays(Journal.MAX_FILES, Journal.MAX_BYTES);
    clearAnew();
    Seal seal = Seal.read(path);
    List<Path> found = days();
    for (Path day : found) {
      if (!isDay(day, nowMs)) {
        putAside(day, "is no file of a journal");
      } else if (!isReadable(day)) {
        putAside(day, "cannot be read");
      } else if (!seal.fits(day)) {
        writeAnew(day, seal.has(day.getFileName().toString()), day.equals(found.getLast()));
      }
    }
    Path metadata = path.resolve(JournalQueue.METADATA);
    if (Files.exists(metadata, LinkOption.NOFOLLOW_LINKS)) {
      if (!isReadable(metadata)) {
        putAside(metadata, "cannot be read");
      } else if (!seal.fits(metadata)) {
        if (seal.has(JournalQueue.METADATA)) {
          putAside(metadata, "was damaged; nothing of it is lost");
        } else {
          Files.delete(metadata);
        }
      } else {
        allocate(metadata);
      }
    }
    // What is going to change.
    seal.remove(JournalQueue.METADATA);
    List<Path> days = days();
    if (!days.isEmpty()) {
      allocate(days.getLast());
      seal.remove(days.getLast().getFileName().toString());
    }
    seal.write();
  }

  /** One of a day that has been, or is tomorrow's somewhere. */
  private static boolean isDay(Path file, long nowMs) {
    String name = file.getFileName().toString();
    return name.matches("2\\d{7}F\\.cq4")
        && name.compareTo(JournalQueue.fileName(nowMs + DAY_MS)) <= 0;
  }

  private static boolean isReadable(Path file) {
    return isRegular(file) && Files.isReadable(file) && Files.isWritable(file);
  }

  private void putAside(Path file, String what) throws IOException {
    Path aside = SetAside.put(file);
    notices.add(
        "the journal's file "
            + file
            + " "
            + what
            + "; it is called "
            + aside.getFileName()
            + " now");
  }

  /** Writes the lines of a file that are whole into one of the same name. */
  private void writeAnew(Path day, boolean spoiled, boolean isLast) throws IOException {
    Path anew = Files.createDirectory(path.resolve(ANEW));
    Path written = anew.resolve(day.getFileName());
    long noonMs = JournalQueue.dayMs(day.getFileName().toString()) + DAY_MS / 2;
    int[] lines = new int[1];
    try (FileChannel file =
            FileChannel.open(day, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        JournalQueue queue = JournalQueue.openAlone(anew, () -> noonMs)) {
      SealedLine.rescue(
          file,
          line -> {
            if (Journal.read(line) != null) {
              queue.append(SealedLine.seal(line));
              lines[0]++;
            }
          });
      if (!isLast && lines[0] > 0) {
        queue.endDay();
      }
    }
    if (spoiled) {
      putAside(day, "was damaged, and its " + lines[0] + " whole entries were written anew");
    }
    if (lines[0] > 0) {
      Files.move(written, day, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } else {
      Files.deleteIfExists(day);
    }
    clearAnew();
  }

  private void clearAnew() throws IOException {
    Path anew = path.resolve(ANEW);
    if (!Files.exists(anew, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(anew, LinkOption.NOFOLLOW_LINKS)) {
      putAside(anew, "is no folder");
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(anew)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
    Files.delete(anew);
  }

  /**
   * Writes a file's bytes in their places, so that there are no holes in it: a copy may have some.
   */
  private static void allocate(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
      for (long at = 0; channel.read(buffer.clear(), at) > 0; ) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          at += channel.write(buffer, at);
        }
      }
    }
  }

  /** The last one seals the files. Once only. */
  @Override
  public void close() {
    synchronized (OPEN) {
      users--;
      if (users > 0) {
        return;
      }
      OPEN.remove(path);
      try (lockFile) {
        if (shared != null) {
          shared.release();
        }
        try (FileLock alone = lockFile.tryLock(OPEN_AT, 1, false)) {
          if (alone != null) {
            seal();
          }
        }
      } catch (IOException e) {
        return; // Unsealed files are written anew the next time.
      }
    }
  }

  private void seal() throws IOException {
    Seal seal = Seal.of(path);
    for (Path day : days()) {
      seal.put(day);
    }
    seal.put(path.resolve(JournalQueue.METADATA));
    seal.write();
  }
}
