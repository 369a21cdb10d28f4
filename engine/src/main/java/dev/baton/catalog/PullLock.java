package dev.baton.catalog;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The right to write one model's file, held by one thread of one process at a time; the system
 * takes it back from a killed process.
 */
final class PullLock implements AutoCloseable {
  /** A file lock belongs to the whole process, so the threads of this one queue here first. */
  private static final ReentrantLock THIS_PROCESS = new ReentrantLock();

  private final FileChannel channel;
  private final FileLock lock;

  private PullLock(FileChannel channel, FileLock lock) {
    this.channel = channel;
    this.lock = lock;
  }

  /** Waits for the right to write {@code file}. */
  static PullLock take(Path file, PullProgress progress) throws IOException {
    THIS_PROCESS.lock();
    FileChannel channel = null;
    try {
      Path lockFile = file.resolveSibling(file.getFileName() + ".lock");
      if (Files.exists(lockFile) && !Files.isRegularFile(lockFile)) {
        throw new IOException(lockFile + " is no file; remove it"); // a pipe would be waited for
      }
      channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        progress.note("another baton is bringing " + file.getFileName() + "; waiting for it");
        lock = channel.lock();
      }
      return new PullLock(channel, lock);
    } catch (IOException | RuntimeException e) {
      if (channel != null) {
        channel.close();
      }
      THIS_PROCESS.unlock();
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      lock.release();
    } finally {
      THIS_PROCESS.unlock();
    }
  }
}
