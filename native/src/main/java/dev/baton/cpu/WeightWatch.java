package dev.baton.cpu;

import dev.baton.gguf.FileStamp;
import dev.baton.gguf.KeptFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Whether a file of packed weights that is mapped still has the bytes that were checked. It is
 * written without the right to write to it, so that nobody cuts it off by mistake, which would end
 * the processes that have it mapped. Any thread.
 */
final class WeightWatch {
  private final Path path;
  private final byte[] identity;
  private final long bytes;
  private FileStamp stamp; // of the right bytes; guarded by this

  WeightWatch(Path path, byte[] identity, long bytes, FileStamp stamp) {
    this.path = path;
    this.identity = identity;
    this.bytes = bytes;
    this.stamp = stamp;
  }

  /**
   * Why nothing is to be computed any more with what is mapped, one line; null where all is well.
   */
  synchronized @Nullable String trouble() {
    try {
      FileStamp now = FileStamp.of(path);
      if (now.equals(stamp)) {
        return null;
      }
      if (now.device() != stamp.device() || now.inode() != stamp.inode()) {
        return null; // it was removed: nobody else can reach what is mapped here
      }
      FileStamp settled = FileStamp.settled(path);
      WeightFile.check(path, identity, bytes);
      stamp = settled;
      return null;
    } catch (NoSuchFileException _) {
      return null;
    } catch (IOException e) {
      return "the packed weights in "
          + path
          + " were changed under this process ("
          + KeptFile.reason(e)
          + "): start it again, and they are packed anew";
    }
  }
}
