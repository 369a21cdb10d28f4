package dev.baton.kernel;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Large zeroed memory straight from the system, page by page as it is touched, so that a cache
 * sized for the longest context costs nothing until it is used. Where {@code mmap} cannot be
 * reached, plain arena memory stands in.
 *
 * <p>Owns the FFM of {@code sys/mman.h}. Any thread.
 */
public final class PageMemory {
  private static final int PROT_READ_WRITE = 0x1 | 0x2;
  private static final int MAP_PRIVATE = 0x02;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_POPULATE_READ = 22;
  private static final long PAGE_BYTES = 4096;
  private static final long LARGE_BYTES = 4 << 20;
  private static final String FILE_HUGE = "FilePmdMapped:";

  /** Begins the message of a refusal: it is not of the JVM's heap. */
  public static final String REFUSED = "the system refuses ";

  private static final Path OWN_MAPPINGS = Path.of("/proc/self/smaps");
  private static final boolean MAC =
      System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("mac");
  private static final int MAP_ANONYMOUS = MAC ? 0x1000 : 0x20;
  private static final int MAP_NORESERVE = MAC ? 0x40 : 0x4000;

  private static final Optional<MethodHandle> MMAP =
      handle(
          "mmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG));
  private static final Optional<MethodHandle> MADVISE =
      handle(
          "madvise",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));

  /** Linked when something is first freed: a start has no time for it. */
  private static final class Munmap {
    static final Optional<MethodHandle> HANDLE =
        handle(
            "munmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
  }

  private PageMemory() {}

  /**
   * Zeroed memory, page-aligned, given back when {@code arena} closes; huge pages are asked for
   * where the system has them.
   *
   * @throws OutOfMemoryError when the system refuses
   */
  public static MemorySegment allocate(long bytes, Arena arena) {
    return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, arena);
  }

  /**
   * The same for memory of which most may never be used: the system sets nothing aside for it, so
   * that also more than it has may be asked for. Whoever then uses more than there is, is ended.
   *
   * @throws OutOfMemoryError when the system refuses the address space
   */
  public static MemorySegment reserve(long bytes, Arena arena) {
    return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, arena);
  }

  /**
   * Zeroed memory to work in, 64-byte aligned. Much of it costs as much as is ever touched, as a
   * pass made for large chunks that gets small ones.
   *
   * @throws OutOfMemoryError when the system refuses
   */
  public static MemorySegment scratch(long bytes, Arena arena) {
    return bytes < LARGE_BYTES ? arena.allocate(bytes, 64) : reserve(bytes, arena);
  }

  private static MemorySegment map(long bytes, int flags, Arena arena) {
    if (MMAP.isEmpty() || MADVISE.isEmpty()) {
      return arena.allocate(bytes, 4096);
    }
    long address = map(bytes, flags);
    return MemorySegment.ofAddress(address)
        .reinterpret(bytes, arena, segment -> unmap(segment.address(), bytes));
  }

  /**
   * Brings a mapped file's pages in, huge ones where the file system can. Advice only: what the
   * system does not do at once it does when the pages are touched.
   */
  public static void populate(MemorySegment mapped) {
    if (!MAC) {
      advise(mapped, MADV_HUGEPAGE);
      advise(mapped, MADV_POPULATE_READ);
    }
  }

  /**
   * Takes pages out of this process's memory: a mapped file's come back when they are touched,
   * those of {@link #allocate} and {@link #reserve} are zeros then. Only whole pages are to be
   * named of memory whose neighbours are still needed.
   */
  public static void forget(MemorySegment mapped) {
    advise(mapped, MADV_DONTNEED);
  }

  /**
   * Bytes of the mapping that {@code mapped} lies in that are huge pages of a file; empty where the
   * system does not tell.
   */
  public static OptionalLong hugeFileBytes(MemorySegment mapped) {
    boolean inside = false;
    try (BufferedReader lines = Files.newBufferedReader(OWN_MAPPINGS)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!Character.isUpperCase(line.charAt(0))) { // the addresses of the next mapping
          int dash = line.indexOf('-');
          long from = Long.parseUnsignedLong(line, 0, dash, 16);
          long to = Long.parseUnsignedLong(line, dash + 1, line.indexOf(' '), 16);
          inside = from <= mapped.address() && mapped.address() < to;
        } else if (inside && line.startsWith(FILE_HUGE)) {
          String kb = line.substring(FILE_HUGE.length(), line.length() - "kB".length()).strip();
          return OptionalLong.of(Long.parseLong(kb) << 10);
        }
      }
    } catch (IOException | RuntimeException _) {
      // Another system, or another form of this list.
    }
    return OptionalLong.empty();
  }

  /** Gives advice for all pages of {@code mapped}, which is not empty. */
  private static void advise(MemorySegment mapped, int advice) {
    long from = mapped.address() & -PAGE_BYTES;
    long to = (mapped.address() + mapped.byteSize() + PAGE_BYTES - 1) & -PAGE_BYTES;
    if (MADVISE.isEmpty()) {
      return;
    }
    try {
      int ignored = (int) MADVISE.get().invokeExact(from, to - from, advice);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static long map(long bytes, int flags) {
    try {
      long address =
          (long) MMAP.orElseThrow().invokeExact(0L, bytes, PROT_READ_WRITE, flags, -1, 0L);
      if (address == -1L) {
        throw new OutOfMemoryError(REFUSED + bytes + " bytes");
      }
      if (!MAC) {
        // Advice only: without huge pages everything works, a little slower.
        int ignored = (int) MADVISE.orElseThrow().invokeExact(address, bytes, MADV_HUGEPAGE);
      }
      return address;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int ignored = (int) Munmap.HANDLE.orElseThrow().invokeExact(address, bytes);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static Optional<MethodHandle> handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup lookup = linker.defaultLookup();
    return lookup.find(name).map(symbol -> linker.downcallHandle(symbol, descriptor));
  }
}
