package dev.baton.cpu;

import dev.baton.cpu.PackedWeights.Origin;
import dev.baton.file.WholeFile;
import dev.baton.gguf.CheckedFile;
import dev.baton.gguf.GgufIdentity;
import dev.baton.gguf.KeptFile;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.MemoryLimit;
import dev.baton.kernel.PackedMatrix;
import dev.baton.kernel.PageMemory;
import dev.baton.model.IdentityCache;
import dev.baton.model.ModelFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Keeps packed weights in a folder, so that a model is packed once and then only mapped or read. An
 * entry belongs to one model to the last bit (the root of its {@link GgufIdentity}), one layout of
 * matrices and one packing; the levels of an instruction set pack alike and share it.
 *
 * <p>Whatever is wrong with the folder or a file in it costs time, never an answer: the weights are
 * packed in memory, and the model has a notice that says why. A file has its name only once it is
 * whole and on the disk. One process at a time packs for a folder, the others wait and use what it
 * wrote; the system lets go of the lock of one that was killed. An entry that is removed stays with
 * those who have it mapped.
 *
 * <p>Immutable; any thread, any number of processes.
 */
public final class WeightCache {
  /** The environment variable with the largest size of all entries, in GB; 0 keeps none. */
  public static final String LIMIT_VARIABLE = "BATON_PACKED_GB";

  static final int VERSION = 2;
  private static final double DEFAULT_LIMIT_GB = 20;
  private static final double GB = 1e9;
  static final String SUFFIX = ".weights";

  /** Marks when an entry was last used: the entry's own times say whether it was changed. */
  private static final String USED = ".used";

  private static final Set<PosixFilePermission> NOBODY_WRITES =
      PosixFilePermissions.fromString("r--r--r--");

  /** Of a first start's time, roughly; the rest is waiting for the disk. */
  private static final double PACKING_SHARE = 0.95;

  /**
   * Weights of more than one part in so many of all memory are never copied into it: processes
   * share the file's pages, which the system may also take back.
   */
  private static final long SCARCE_SHARE = 3;

  /** How long one process waits for another that does nothing. */
  private static final long PATIENCE_NS = TimeUnit.MINUTES.toNanos(2);

  private final Path folder;
  private final long limitBytes;
  private final WeightFile.Access access;
  private final long patienceNs;
  private final IdentityCache identities;

  /**
   * One model's packed weights.
   *
   * @param source the GGUF that they were made of, as it was called then; empty where the file is
   *     damaged
   */
  public record Entry(Path file, String source, long bytes, Instant lastUsed) {}

  WeightCache(Path folder, long limitBytes, WeightFile.Access access) {
    this(folder, limitBytes, access, PATIENCE_NS);
  }

  WeightCache(Path folder, long limitBytes, WeightFile.Access access, long patienceNs) {
    this.folder = folder;
    this.limitBytes = limitBytes;
    this.access = access;
    this.patienceNs = patienceNs;
    this.identities = IdentityCache.in(folder.resolveSibling("identities"));
  }

  private WeightCache() {
    this.folder = Path.of("");
    this.limitBytes = 0;
    this.access = WeightFile.Access.BEST;
    this.patienceNs = 0;
    this.identities = IdentityCache.none();
  }

  /** Keeps nothing. */
  public static WeightCache none() {
    return new WeightCache();
  }

  /** What is known of model files, kept in {@code identities/} beside the folder. */
  public IdentityCache identities() {
    return identities;
  }

  /**
   * Keeps what fits in {@value #LIMIT_VARIABLE} (20 GB) and in half of what the disk has free.
   *
   * @param folder made when first needed
   * @throws IllegalArgumentException when the variable is no size
   */
  public static WeightCache in(Path folder, Map<String, String> env) {
    String value = env.getOrDefault(LIMIT_VARIABLE, "").strip();
    return new WeightCache(folder, limitBytes(value), WeightFile.Access.BEST);
  }

  private static long limitBytes(String value) {
    double gb;
    try {
      gb = value.isEmpty() ? DEFAULT_LIMIT_GB : Double.parseDouble(value);
    } catch (NumberFormatException _) {
      gb = Double.NaN;
    }
    if (!(gb >= 0)) {
      throw new IllegalArgumentException(
          LIMIT_VARIABLE + "=" + value + " is no size; give GB, 0 to keep no packed weights");
    }
    return (long) Math.min(Long.MAX_VALUE / 4.0, gb * GB);
  }

  /** The largest size of all entries together, in bytes. */
  public long limitBytes() {
    return limitBytes;
  }

  /** The matrices of a model: kept ones where there are any, else packed anew and kept. */
  PackedWeights weights(
      ModelFile file, WeightLayout layout, Kernels kernels, DoubleConsumer progress) {
    if (limitBytes == 0 || layout.bytes() == 0 || kernels.packFormat() == 0) {
      return pack(layout, progress);
    }
    WantedWeights wanted = WantedWeights.of(folder, file, layout, kernels);
    // Where nothing can fit, packing begins while the file is still being read.
    if (!file.isIdentified() && !isAnyKept(wanted)) {
      return make(wanted, progress);
    }
    Found found = find(wanted);
    return found.weights() != null ? found.weights() : make(wanted, progress);
  }

  /** Whether there is an entry that may be of this very model. */
  private boolean isAnyKept(WantedWeights wanted) {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(folder, wanted.namePart() + "*" + SUFFIX)) {
      return files.iterator().hasNext();
    } catch (IOException _) {
      return false;
    }
  }

  /** Mapped where a copy would take too much of the memory. */
  private WeightFile.Access access(long bytes) {
    return access == WeightFile.Access.BEST && bytes > MemoryLimit.bytes() / SCARCE_SHARE
        ? WeightFile.Access.MAPPED
        : access;
  }

  /** Neither where there is no file. */
  private record Found(@Nullable PackedWeights weights, @Nullable String problem) {}

  private Found find(WantedWeights wanted) {
    Arena arena = Arena.ofShared();
    try {
      WeightFile.Contents contents =
          WeightFile.open(
              wanted.path(), wanted.identity(), wanted.bytes(), access(wanted.bytes()), arena);
      markUsed(wanted.path());
      MemorySegment run = contents.run();
      return new Found(
          new PackedWeights(
              run, wanted.layout().packed(run), contents.origin(), null, contents.watch(), arena),
          null);
    } catch (NoSuchFileException _) {
      arena.close();
      return new Found(null, null);
    } catch (IOException e) {
      arena.close();
      return new Found(null, KeptFile.reason(e));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static PackedWeights pack(WeightLayout layout, DoubleConsumer progress) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment run =
          layout.bytes() == 0 ? MemorySegment.NULL : PageMemory.allocate(layout.bytes(), arena);
      return new PackedWeights(
          run, layout.pack(run, _ -> {}, arena, progress), Origin.PACKED, null, null, arena);
    } catch (IOException e) {
      throw new IllegalStateException(e); // nothing is written
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private PackedWeights make(WantedWeights wanted, DoubleConsumer progress) {
    try {
      Files.createDirectories(folder);
      try (PackingTurn _ = PackingTurn.take(folder, patienceNs)) {
        // Another process may have written it meanwhile.
        Found found = isAnyKept(wanted) ? find(wanted) : new Found(null, null);
        if (found.weights() != null) {
          return found.weights();
        }
        PackedWeights packed =
            access(wanted.bytes()) == WeightFile.Access.MAPPED
                ? packIntoFile(wanted, progress)
                : packAndKeep(wanted, progress);
        return found.problem() == null || packed.notice() != null
            ? packed
            : packed.withNotice(notUsed(wanted, found.problem()));
      }
    } catch (IOException e) {
      return pack(wanted.layout(), progress).withNotice(notKept(wanted.file(), e));
    }
  }

  /**
   * Packs in memory, and writes that at the same time: a disk that fails costs no second packing.
   */
  private PackedWeights packAndKeep(WantedWeights wanted, DoubleConsumer progress)
      throws IOException {
    makeRoom(WeightFile.HEAD_BYTES + wanted.bytes());
    Arena arena = Arena.ofShared();
    try {
      MemorySegment run = PageMemory.allocate(wanted.bytes(), arena);
      Map<String, PackedMatrix> matrices;
      IOException failure;
      try (WeightKeeping keeping = new WeightKeeping(writer(wanted, run, false))) {
        matrices =
            wanted
                .layout()
                .pack(run, keeping, arena, done -> progress.accept(done * PACKING_SHARE));
        failure = keeping.finish(wanted);
      } finally {
        Files.deleteIfExists(wanted.part());
      }
      if (failure != null) {
        return new PackedWeights(
            run, matrices, Origin.PACKED, notKept(wanted.file(), failure), null, arena);
      }
      PackedWeights packed = new PackedWeights(run, matrices, Origin.KEPT, null, null, arena);
      return access == WeightFile.Access.READ ? packed : mappedInstead(wanted, packed);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Gives memory of its own back where the file that was written is as fast. */
  private static PackedWeights mappedInstead(WantedWeights wanted, PackedWeights packed) {
    Arena arena = Arena.ofShared();
    try {
      Optional<WeightFile.Contents> file =
          WeightFile.openOnHugePages(wanted.path(), wanted.identity(), wanted.bytes(), arena);
      if (file.isPresent()) {
        MemorySegment run = file.get().run();
        PackedWeights mapped =
            new PackedWeights(
                run, wanted.layout().packed(run), Origin.MAPPED, null, file.get().watch(), arena);
        packed.close();
        return mapped;
      }
    } catch (IOException e) {
      arena.close();
      return packed.withNotice(notUsed(wanted, KeptFile.reason(e)));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
    arena.close();
    return packed;
  }

  /** Packs with hardly any memory, which goes back as it is written, and maps the file. */
  private PackedWeights packIntoFile(WantedWeights wanted, DoubleConsumer progress)
      throws IOException {
    makeRoom(WeightFile.HEAD_BYTES + wanted.bytes());
    try (Arena scratch = Arena.ofShared();
        WeightWriter writer = writer(wanted, PageMemory.reserve(wanted.bytes(), scratch), true)) {
      var _ =
          wanted
              .layout()
              .pack(
                  writer.run(),
                  writer::upTo,
                  scratch,
                  done -> progress.accept(done * PACKING_SHARE));
      publish(wanted, writer);
    } finally {
      Files.deleteIfExists(wanted.part());
    }
    Found written = find(wanted);
    if (written.weights() == null) {
      throw new IOException(written.problem() == null ? "they are gone" : written.problem());
    }
    return written.weights();
  }

  private static WeightWriter writer(WantedWeights wanted, MemorySegment run, boolean forgets)
      throws IOException {
    String source = wanted.file().gguf().path().toAbsolutePath().toString();
    return new WeightWriter(wanted.part(), source, run, forgets);
  }

  /** The file has its name only once it is whole and on the disk, and nobody can write to it. */
  static void publish(WantedWeights wanted, WeightWriter writer) throws IOException {
    wanted.file().requireUnchanged(); // what was read of it is what was packed
    writer.finish(wanted.identity());
    if (Files.getFileStore(wanted.part()).supportsFileAttributeView("posix")) {
      Files.setPosixFilePermissions(wanted.part(), NOBODY_WRITES);
    }
    if (Files.isDirectory(wanted.path(), LinkOption.NOFOLLOW_LINKS)) {
      // It may hold something, and would be in the way at each start.
      Files.move(
          wanted.path(), wanted.path().resolveSibling(wanted.path().getFileName() + KeptFile.BAD));
    }
    Files.move(
        wanted.part(),
        wanted.path(),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  /** Removes entries until one of {@code bytes} fits. */
  private void makeRoom(long bytes) throws IOException {
    removeUnfinished();
    long held = entries().stream().mapToLong(Entry::bytes).sum();
    long free = Files.getFileStore(folder).getUsableSpace();
    long limit = Math.min(limitBytes, (held + free) / 2);
    if (bytes > limit) {
      throw new IOException(
          String.format(
              Locale.ROOT, "they take %.2f GB and there is room for %.2f", bytes / GB, limit / GB));
    }
    removeDownTo(limit - bytes);
  }

  /** What a process that was killed left behind; the caller has the turn. */
  private void removeUnfinished() throws IOException {
    try (DirectoryStream<Path> parts =
        Files.newDirectoryStream(folder, "*" + WholeFile.UNFINISHED)) {
      for (Path part : parts) {
        Files.deleteIfExists(part);
      }
    }
  }

  private long removeDownTo(long bytes) throws IOException {
    List<Entry> entries = entries();
    long held = entries.stream().mapToLong(Entry::bytes).sum();
    long removed = 0;
    for (Entry oldest : entries.reversed()) {
      if (held - removed > bytes) {
        Files.deleteIfExists(oldest.file());
        Files.deleteIfExists(used(oldest.file()));
        Files.deleteIfExists(CheckedFile.noteOf(oldest.file()));
        removed += oldest.bytes();
      }
    }
    return removed;
  }

  /**
   * Removes the least recently used entries until all others take no more than {@code bytes}.
   *
   * @return the bytes that were removed
   * @throws IOException when that cannot be
   */
  public long prune(long bytes) throws IOException {
    if (!Files.isDirectory(folder)) {
      return 0;
    }
    try (PackingTurn _ = PackingTurn.take(folder, patienceNs)) {
      removeUnfinished();
      return removeDownTo(bytes);
    }
  }

  /** What is kept, the last used first. */
  public List<Entry> entries() {
    List<Entry> entries = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
      for (Path file : files) {
        entries.add(entry(file));
      }
    } catch (IOException _) {
      // No folder, or none that can be read: nothing is kept, and a start says why.
    }
    entries.sort(Comparator.comparing(Entry::lastUsed).reversed());
    return entries;
  }

  private static Entry entry(Path file) throws IOException {
    String source = "";
    try {
      source = WeightFile.source(file);
    } catch (IOException _) {
      // Damaged: still to be shown, and removed in its turn.
    }
    return new Entry(file, source, Files.size(file), lastUsed(file));
  }

  private static Instant lastUsed(Path file) throws IOException {
    Instant written = Files.getLastModifiedTime(file).toInstant();
    try {
      Instant used = Files.getLastModifiedTime(used(file)).toInstant();
      return used.isAfter(written) ? used : written;
    } catch (IOException _) {
      return written;
    }
  }

  private static Path used(Path file) {
    return file.resolveSibling(file.getFileName() + USED);
  }

  private static void markUsed(Path file) {
    Path mark = used(file);
    try {
      if (Files.exists(mark)) {
        Files.setLastModifiedTime(mark, FileTime.from(Instant.now()));
      } else {
        Files.createFile(mark);
      }
    } catch (IOException _) {
      // A folder that is only read from: nothing is removed from it either.
    }
  }

  private static String notKept(ModelFile file, IOException e) {
    return "the packed weights of "
        + file.gguf().path().getFileName()
        + " are not kept ("
        + KeptFile.reason(e)
        + "), so that each start packs them anew; mend that, or set "
        + LIMIT_VARIABLE
        + "=0";
  }

  private static String notUsed(WantedWeights wanted, String problem) {
    return "the packed weights in "
        + wanted.path()
        + " could not be used ("
        + problem
        + "); "
        + wanted.file().gguf().path().getFileName()
        + " was packed anew";
  }
}
