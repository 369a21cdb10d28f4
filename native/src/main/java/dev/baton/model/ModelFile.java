package dev.baton.model;

import dev.baton.arch.ModelException;
import dev.baton.arch.TensorNames;
import dev.baton.arch.family.ModelKind;
import dev.baton.gguf.FileStamp;
import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.gguf.KeptFile;
import dev.baton.thread.Background;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The GGUF that a model is loaded from, which of all models it is, and whether it still is that
 * one. All of it is read once, beside the loading, unless that was done for a file of the same
 * {@link FileStamp}; while the model is in use a glance at the stamp tells whether to look again.
 *
 * <p>Any thread; close it after what reads from it.
 */
public final class ModelFile implements AutoCloseable {
  /** Single rows of it are read while the model is in use. */
  private final Path path;

  private final GgufFile gguf;
  private final IdentityCache cache;
  private final AtomicBoolean ends = new AtomicBoolean();
  private final CompletableFuture<GgufIdentity> identity;
  private final boolean isKept;
  private FileStamp stamp; // of the right bytes; guarded by this
  private @Nullable FileStamp wrongStamp; // what trouble was found at; guarded by this
  private String trouble = ""; // guarded by this

  private ModelFile(Path path, GgufFile gguf, FileStamp stamp, IdentityCache cache) {
    this.path = path;
    this.gguf = gguf;
    this.stamp = stamp;
    this.cache = cache;
    Optional<GgufIdentity> known = cache.find(stamp);
    this.isKept = known.isPresent();
    this.identity = known.map(CompletableFuture::completedFuture).orElseGet(this::beginReading);
  }

  /**
   * Maps a file that holds a model that Baton runs, and begins to read it whole where nothing is
   * known of it.
   *
   * @param cache what is known of files
   * @throws GgufException when the file is no sound GGUF
   * @throws ModelException when it holds a model that this version does not run
   */
  public static ModelFile open(Path path, IdentityCache cache) {
    FileStamp before = stampOf(path);
    GgufFile gguf = GgufFile.open(path, metadata -> ModelKind.requireRunnable(path, metadata));
    try {
      if (before == null || !before.equals(FileStamp.of(path))) {
        throw changing(path);
      }
      return new ModelFile(path, gguf, before, cache);
    } catch (IOException e) {
      gguf.close();
      throw new GgufException(path + ": cannot be read (" + e.getMessage() + ")", e);
    } catch (RuntimeException | Error e) {
      gguf.close();
      throw e;
    }
  }

  /** Null where opening it will say better why there is none. */
  private static @Nullable FileStamp stampOf(Path path) {
    try {
      return FileStamp.settled(path);
    } catch (IOException _) {
      return null;
    }
  }

  private static ModelException changing(Path path) {
    return new ModelException(
        path + ": it was changed while it was read; start again when nothing writes to it");
  }

  private CompletableFuture<GgufIdentity> beginReading() {
    return Background.begin(
        "baton-hash", () -> GgufIdentity.of(List.of(gguf), TensorNames.EMBEDDING, ends));
  }

  public GgufFile gguf() {
    return gguf;
  }

  /** Whether {@link #identity} waits for nothing. */
  public boolean isIdentified() {
    return identity.isDone();
  }

  /**
   * Which model it is; waits until the file was read.
   *
   * @throws GgufException when it could not be
   */
  public GgufIdentity identity() {
    return Background.result(identity);
  }

  /**
   * Waits until the file was read.
   *
   * @throws ModelException when it was changed since it was opened
   */
  public void requireUnchanged() {
    GgufIdentity _ = identity();
    FileStamp now = stampOf(path);
    synchronized (this) {
      if (!stamp.equals(now)) {
        throw changing(path);
      }
    }
  }

  /**
   * Keeps what was read for later starts.
   *
   * @return one line for the user where that cannot be, else null
   */
  public @Nullable String keep() {
    if (isKept) {
      return null;
    }
    try {
      FileStamp read;
      synchronized (this) {
        read = stamp;
      }
      cache.keep(read, identity());
      return null;
    } catch (IOException e) {
      return "what was read of "
          + path.getFileName()
          + " to tell it from others is not kept ("
          + KeptFile.reason(e)
          + "), so that each start reads it whole; mend that";
    }
  }

  /**
   * Why nothing is to be computed any more with what was loaded from this file: the file has become
   * another. One line that names the file and what to do; null where all is well, which takes a few
   * microseconds unless something of the file has changed since, for then it is read again.
   */
  public synchronized @Nullable String trouble() {
    FileStamp now;
    try {
      now = FileStamp.of(path);
    } catch (NoSuchFileException _) {
      return another("it is gone");
    } catch (IOException e) {
      return another("it cannot be looked at: " + KeptFile.reason(e));
    }
    if (now.equals(stamp)) {
      return null;
    }
    if (now.equals(wrongStamp)) {
      return trouble;
    }
    try {
      FileStamp settled = FileStamp.settled(path);
      String difference = difference();
      if (!settled.equals(FileStamp.of(path))) {
        return another("it is being changed");
      }
      if (difference == null) {
        stamp = settled; // a link, permissions, the same bytes once more
        return null;
      }
      trouble = another(difference);
      wrongStamp = settled;
      return trouble;
    } catch (IOException e) {
      return another(KeptFile.reason(e));
    }
  }

  private @Nullable String difference() {
    try (GgufFile there = GgufFile.open(path)) {
      return identity()
          .firstDifference(GgufIdentity.of(List.of(there), TensorNames.EMBEDDING, ends))
          .map(part -> part.title() + " is another")
          .orElse(null);
    } catch (GgufException e) {
      String why = String.valueOf(e.getMessage());
      String name = path + ": ";
      return why.startsWith(name) ? why.substring(name.length()) : why;
    } catch (CancellationException | InternalError _) {
      return "it is being changed"; // a page of it is gone; or this is being closed
    }
  }

  private String another(String why) {
    // What to do comes first: the wire cuts long reasons off.
    return path
        + " is not the file any more that this process loaded; put that back, or start this process"
        + " again ("
        + why
        + ")";
  }

  /** Single rows of the embedding, while the model is in use. */
  public EmbeddingRows embedding(int dim) {
    return new EmbeddingRows(
        path, gguf.tensor(TensorNames.EMBEDDING), dim, identity().rowSums().sums());
  }

  /** Unmaps the file. Twice is fine. */
  @Override
  public void close() {
    ends.set(true);
    try {
      GgufIdentity _ = identity.join();
    } catch (RuntimeException _) {
      // Given up, or told of already.
    }
    gguf.close();
  }
}
