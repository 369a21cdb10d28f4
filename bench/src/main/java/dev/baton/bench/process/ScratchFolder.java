package dev.baton.bench.process;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A folder for processes that have been told to end, and that may write a last file yet. */
public final class ScratchFolder {
  private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(10);

  private static final long PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(20);

  private ScratchFolder() {}

  /**
   * Deletes a folder and all it holds, again where something was written meanwhile. Any threads and
   * processes may do so at once. What cannot be deleted in 10 s is left to the system's own
   * clearing of its temporary folder.
   */
  public static void delete(Path folder) {
    long startedNs = System.nanoTime();
    while (Files.exists(folder) && System.nanoTime() - startedNs < PATIENCE_NS) {
      try {
        Files.walkFileTree(folder, new Deletion());
      } catch (IOException _) {
        LockSupport.parkNanos(PAUSE_NS);
      }
    }
  }

  private static final class Deletion extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (e instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE;
      }
      throw e;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e)
        throws IOException {
      Files.deleteIfExists(folder);
      return FileVisitResult.CONTINUE;
    }
  }
}
