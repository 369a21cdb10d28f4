package dev.baton.cpu;

import dev.baton.file.WholeFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The right to write in a folder of packed weights, which one thread of one process has at a time;
 * the system takes it from a process that ends. Whoever wants it waits as long as unfinished files
 * there grow, however long that is.
 */
record PackingTurn(FileChannel channel) implements AutoCloseable {
  /** Locks of files are the process's, not a thread's. */
  private static final ReentrantLock THIS_PROCESS = new ReentrantLock();

  private static final long POLL_MS = 20;

  /**
   * Waits for the turn.
   *
   * @param patienceNs how long nothing may grow
   * @throws IOException when there is no such folder, or who has the turn makes no progress
   */
  static PackingTurn take(Path folder, long patienceNs) throws IOException {
    Patience patience = new Patience(folder, patienceNs);
    Path lock = folder.resolve("lock");
    if (Files.exists(lock) && !Files.isRegularFile(lock)) {
      throw new IOException(lock + " is no file; remove it"); // a pipe would be waited for
    }
    FileChannel channel = null;
    boolean locked = false;
    try {
      for (; !locked; patience.check()) {
        locked = THIS_PROCESS.tryLock(POLL_MS, TimeUnit.MILLISECONDS);
      }
      channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      for (; channel.tryLock() == null; patience.check()) {
        Thread.sleep(POLL_MS);
      }
      return new PackingTurn(channel);
    } catch (IOException | RuntimeException e) {
      release(channel, locked);
      throw e;
    } catch (InterruptedException e) {
      release(channel, locked);
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static void release(@Nullable FileChannel channel, boolean locked) throws IOException {
    if (channel != null) {
      channel.close();
    }
    if (locked) {
      THIS_PROCESS.unlock();
    }
  }

  @Override
  public void close() throws IOException {
    release(channel, true);
  }

  /** Lasts as long as the unfinished files of a folder change. */
  private static final class Patience {
    private final Path folder;
    private final long patienceNs;
    private String seen = "";
    private long seenNs = System.nanoTime();

    Patience(Path folder, long patienceNs) {
      this.folder = folder;
      this.patienceNs = patienceNs;
    }

    void check() throws IOException {
      long nowNs = System.nanoTime();
      String now = unfinished();
      if (!now.equals(seen)) {
        seen = now;
        seenNs = nowNs;
      } else if (nowNs - seenNs > patienceNs) {
        throw new IOException("another process has begun to pack and makes no progress");
      }
    }

    private String unfinished() {
      StringBuilder sizes = new StringBuilder();
      try (DirectoryStream<Path> parts =
          Files.newDirectoryStream(folder, "*" + WholeFile.UNFINISHED)) {
        for (Path part : parts) {
          sizes.append(part.getFileName()).append(' ').append(Files.size(part)).append('\n');
        }
      } catch (IOException | DirectoryIteratorException _) {
        return ""; // one was finished just now
      }
      return sizes.toString();
    }
  }
}
