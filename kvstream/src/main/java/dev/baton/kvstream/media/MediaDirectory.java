package dev.baton.kvstream.media;

import dev.baton.kvstream.StreamException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One node's folder for its media driver: {@code baton-PID-N}, readable by its owner alone. A lock
 * in it says that its process lives; the kernel drops the lock with the process, however that ends,
 * also where process numbers are those of another container. Folders without one are removed when
 * their owner's next node starts.
 *
 * <p>The parent is one that every user of the machine may write to. So what another user made there
 * is neither opened nor removed, whatever its name, and no link is followed.
 */
final class MediaDirectory implements AutoCloseable {
  private static final String PREFIX = "baton-";
  private static final String LOCK = "lock";

  /** Aeron's words and the system's for a file that does not fit. */
  private static final List<String> NO_ROOM =
      List.of("insufficient usable storage", "No space left on device");

  /** A folder without a lock file may be just being made. */
  private static final Duration YOUNG = Duration.ofSeconds(10);

  /** After that many names that somebody has taken already, numbers are drawn. */
  private static final int NAMES_IN_ORDER = 64;

  private static final System.Logger LOG = System.getLogger("dev.baton.kvstream");

  private static final AtomicInteger COUNT = new AtomicInteger();

  /** This process's own: probing a lock we hold would lose it. */
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final FileChannel lockFile;

  private MediaDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /** Makes a new folder under a parent, and removes those of its owner's dead processes there. */
  static MediaDirectory create(Path parent) {
    try {
      MediaDirectory made = make(parent);
      removeStale(parent, made.path);
      return made;
    } catch (IOException e) {
      throw new StreamException(
          "the stream needs a folder for its files under " + parent + ": " + e, e);
    }
  }

  private static MediaDirectory make(Path parent) throws IOException {
    String process = PREFIX + ProcessHandle.current().pid() + "-";
    while (true) {
      int number = COUNT.incrementAndGet();
      if (number > NAMES_IN_ORDER) {
        number = ThreadLocalRandom.current().nextInt(NAMES_IN_ORDER, Integer.MAX_VALUE);
      }
      Path path = parent.resolve(process + number);
      if (OURS.add(path)) {
        try {
          Files.createDirectory(path, ownerOnly(parent));
          FileChannel lock = lock(path);
          if (lock != null) {
            return new MediaDirectory(path, lock);
          }
          OURS.remove(path);
        } catch (FileAlreadyExistsException _) {
          OURS.remove(path); // an earlier process of that number, or somebody's joke
        } catch (IOException | RuntimeException e) {
          OURS.remove(path);
          Files.deleteIfExists(path.resolve(LOCK));
          Files.deleteIfExists(path);
          throw e;
        }
      }
    }
  }

  private static UserPrincipal owner(Path path) throws IOException {
    return Files.getOwner(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static FileAttribute<?>[] ownerOnly(Path parent) throws IOException {
    return Files.getFileStore(parent).supportsFileAttributeView("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  /**
   * Locks a new folder; null where another process that starts at this moment took it for one of a
   * dead process. It has removed the folder, or will.
   */
  private static @Nullable FileChannel lock(Path path) throws IOException {
    Path lockPath = path.resolve(LOCK);
    FileChannel file =
        FileChannel.open(lockPath, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    // Who has the lock removes the folder before it lets go: once it is ours and the file is there,
    // the folder stays.
    if (file.tryLock() != null && Files.exists(lockPath, LinkOption.NOFOLLOW_LINKS)) {
      return file;
    }
    file.close();
    return null;
  }

  /** Where the media driver's files go. */
  Path driver() {
    return path.resolve("aeron");
  }

  /** Bytes that still fit here. */
  long freeBytes() {
    try {
      return Files.getFileStore(path).getUsableSpace();
    } catch (IOException e) {
      throw new StreamException("the stream's folder " + path + " cannot be used: " + e, e);
    }
  }

  /** What the media driver says, as one line; that there is no room, with what to do. */
  String explain(String said) {
    if (NO_ROOM.stream().noneMatch(said::contains)) {
      return DriverMessages.plain(said);
    }
    try {
      return full(Files.getFileStore(path).getUsableSpace(), 0);
    } catch (IOException e) {
      return full(0, 0);
    }
  }

  /**
   * That files do not fit, with what to do.
   *
   * @param neededBytes 0 where it is not known
   */
  String full(long freeBytes, long neededBytes) {
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

  /**
   * Removes the folder. What cannot be removed stays for its owner's next node, with a line in the
   * log. Twice is fine.
   */
  @Override
  public void close() {
    if (!lockFile.isOpen()) {
      return;
    }
    try (lockFile) {
      remove(path);
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "files of a stream are left in " + path + " until a node starts again: " + e);
    } finally {
      OURS.remove(path);
    }
  }

  /** One at a time: a lock that another thread of this process holds cannot even be asked for. */
  private static synchronized void removeStale(Path parent, Path own) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*-*")) {
      UserPrincipal owner = owner(own);
      for (Path folder : folders) {
        if (!OURS.contains(folder) && isNodeFolder(folder)) {
          removeIfStale(folder, owner);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      // What others left behind is no reason not to start.
      return;
    }
  }

  private static boolean isNodeFolder(Path folder) {
    return folder.getFileName().toString().matches("baton-\\d+-\\d+");
  }

  private static void removeIfStale(Path folder, UserPrincipal owner) {
    Path lockPath = folder.resolve(LOCK);
    try {
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) || !owner.equals(owner(folder))) {
        return;
      }
      if (!Files.isRegularFile(lockPath, LinkOption.NOFOLLOW_LINKS)) {
        if (Files.getLastModifiedTime(folder).toInstant().isBefore(Instant.now().minus(YOUNG))) {
          remove(folder);
        }
        return;
      }
      try (FileChannel file =
          FileChannel.open(lockPath, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
        FileLock lock = file.tryLock();
        if (lock != null) {
          remove(folder);
        }
      }
    } catch (IOException e) {
      // One that another node removes at this moment: not ours to mend.
      return;
    }
  }

  /**
   * Removes as much of a folder as can be removed, whoever else does so at this moment. Its lock
   * goes last: as long as anything is left, it is a folder of a dead process to the next node.
   *
   * @throws IOException the first of what stood against it
   */
  private static void remove(Path folder) throws IOException {
    Path lock = folder.resolve(LOCK);
    Removal removal = new Removal(folder, lock);
    Files.walkFileTree(folder, removal);
    if (removal.failure != null) {
      throw removal.failure;
    }
    Files.deleteIfExists(lock);
    Files.deleteIfExists(folder);
  }

  /** Removes all below a folder but its lock. */
  private static final class Removal extends SimpleFileVisitor<Path> {
    private final Path folder;
    private final Path lock;
    private @Nullable IOException failure;

    Removal(Path folder, Path lock) {
      this.folder = folder;
      this.lock = lock;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      return file.equals(lock) ? FileVisitResult.CONTINUE : delete(file);
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) {
      return failed(e);
    }

    @Override
    public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException e) {
      if (e != null) {
        failed(e);
      }
      return visited.equals(folder) ? FileVisitResult.CONTINUE : delete(visited);
    }

    private FileVisitResult delete(Path path) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        failed(e);
      }
      return FileVisitResult.CONTINUE;
    }

    private FileVisitResult failed(IOException e) {
      if (failure == null && !(e instanceof NoSuchFileException)) {
        failure = e;
      }
      return FileVisitResult.CONTINUE;
    }
  }
}
