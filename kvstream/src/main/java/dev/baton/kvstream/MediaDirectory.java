package dev.baton.kvstream;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One node's folder for its media driver: {@code baton-PID-N}, readable by its owner alone. A lock
 * in it says that its process lives; the kernel drops the lock with the process, however that ends,
 * also where process numbers are those of another container. Folders without one are removed when
 * the next node starts.
 */
final class MediaDirectory implements AutoCloseable {
  private static final String PREFIX = "baton-";
  private static final String LOCK = "lock";

  /** Aeron's words for a file that does not fit. */
  private static final String NO_ROOM = "insufficient usable storage";

  /** A folder without a lock file may be just being made. */
  private static final Duration YOUNG = Duration.ofSeconds(10);

  private static final AtomicInteger COUNT = new AtomicInteger();

  /** This process's own: probing a lock we hold would lose it. */
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final FileChannel lockFile;

  private MediaDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /** Makes a new folder under a parent, after removing those of dead processes there. */
  static MediaDirectory create(Path parent) {
    removeStale(parent);
    String process = PREFIX + ProcessHandle.current().pid() + "-";
    try {
      while (true) {
        Path path = parent.resolve(process + COUNT.incrementAndGet());
        if (!Files.exists(path)) {
          OURS.add(path);
          Files.createDirectory(path, ownerOnly(parent));
          return new MediaDirectory(path, lock(path));
        }
      }
    } catch (IOException e) {
      throw new StreamException(
          "the stream needs a folder for its files under " + parent + ": " + e, e);
    }
  }

  private static FileAttribute<?>[] ownerOnly(Path parent) throws IOException {
    return Files.getFileStore(parent).supportsFileAttributeView("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  private static FileChannel lock(Path path) throws IOException {
    FileChannel file =
        FileChannel.open(
            path.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    FileLock lock = file.tryLock();
    if (lock == null) {
      file.close();
      throw new IOException(path + " is locked by another process");
    }
    return file;
  }

  /** Where the media driver's files go. */
  Path driver() {
    return path.resolve("aeron");
  }

  /**
   * Makes sure that the streams' files fit.
   *
   * @throws StreamException when they do not
   */
  void requireRoom(long bytes) {
    try {
      long free = Files.getFileStore(path).getUsableSpace();
      if (free < bytes) {
        throw new StreamException(full(free, bytes));
      }
    } catch (IOException e) {
      throw new StreamException("the stream's folder " + path + " cannot be used: " + e, e);
    }
  }

  /** What the media driver says, as one line; that there is no room, with what to do. */
  String explain(String said) {
    if (!said.contains(NO_ROOM)) {
      return said.lines().findFirst().orElse("");
    }
    try {
      return full(Files.getFileStore(path).getUsableSpace(), 0);
    } catch (IOException e) {
      return full(0, 0);
    }
  }

  private String full(long freeBytes, long neededBytes) {
    return String.format(
        Locale.ROOT,
        "%s is full: %.1f MB are free%s; free some, or make it larger (mount -o"
            + " remount,size=1G %s; docker run --shm-size=1g)",
        path.getParent(),
        freeBytes / 1e6,
        neededBytes == 0
            ? ""
            : String.format(Locale.ROOT, " and the stream needs %.1f MB", neededBytes / 1e6),
        path.getParent());
  }

  /** Removes the folder. */
  @Override
  public void close() {
    try {
      remove(path);
      lockFile.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      OURS.remove(path);
    }
  }

  private static void removeStale(Path parent) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*-*")) {
      for (Path folder : folders) {
        if (!OURS.contains(folder) && isNodeFolder(folder)) {
          removeIfStale(folder);
        }
      }
    } catch (IOException e) {
      throw new StreamException("the stream's folder " + parent + " cannot be read: " + e, e);
    }
  }

  private static boolean isNodeFolder(Path folder) {
    return folder.getFileName().toString().matches("baton-\\d+-\\d+");
  }

  private static void removeIfStale(Path folder) {
    Path lockPath = folder.resolve(LOCK);
    try {
      if (!Files.exists(lockPath)) {
        if (Files.getLastModifiedTime(folder).toInstant().isBefore(Instant.now().minus(YOUNG))) {
          remove(folder);
        }
        return;
      }
      try (FileChannel file = FileChannel.open(lockPath, StandardOpenOption.WRITE)) {
        FileLock lock = file.tryLock();
        if (lock != null) {
          remove(folder);
        }
      }
    } catch (IOException e) {
      // Another user's folder, or one that another node removes at this moment: not ours to mend.
      return;
    }
  }

  private static void remove(Path folder) throws IOException {
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
              throws IOException {
            Files.deleteIfExists(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
