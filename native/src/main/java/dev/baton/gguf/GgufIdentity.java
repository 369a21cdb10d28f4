package dev.baton.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Which model files hold, to the last bit: the SHA-256 of each tensor with its type and shape, of
 * each metadata value, and over all of them a root. Where tensors lie, in what order, and in how
 * many files does not count; what says so ({@code split.*}, {@code general.alignment}) does not
 * either. Two models that differ do so in parts that have names.
 *
 * <p>Immutable; any thread.
 */
public final class GgufIdentity {
  private static final int PIECE_BYTES = 1 << 17;
  private static final int MOST_THREADS = 8;

  /** What a part is. */
  public enum Kind {
    METADATA(0),
    TENSOR(1);

    private final byte code;

    Kind(int code) {
      this.code = (byte) code;
    }

    /** Stands for it in the root, and where it is kept. */
    public byte code() {
      return code;
    }

    /**
     * @throws IndexOutOfBoundsException for the code of none
     */
    public static Kind of(byte code) {
      return values()[code];
    }
  }

  /**
   * A part of a model.
   *
   * @param name the tensor's, or the metadata key
   * @param hash SHA-256 as 64 hex digits
   */
  public record Part(Kind kind, String name, String hash) {
    /** By kind and name. */
    private static int order(Part part, Part other) {
      int order = part.kind.compareTo(other.kind);
      return order != 0 ? order : part.name.compareTo(other.name);
    }

    /** For messages: {@code "tensor 'output.weight'"}. */
    public String title() {
      return (kind == Kind.TENSOR ? "tensor " : "metadata ") + GgufException.quoted(name);
    }
  }

  /**
   * The CRC-32C of each row of a tensor, for who reads single rows of it later.
   *
   * @param tensor its name
   */
  public record RowSums(String tensor, int[] sums) {}

  private final String root;
  private final List<Part> parts;
  private final RowSums rowSums;

  /**
   * One that was computed earlier.
   *
   * @param parts in order of kind and name
   */
  public GgufIdentity(String root, List<Part> parts, RowSums rowSums) {
    this.root = root;
    this.parts = List.copyOf(parts);
    this.rowSums = rowSums;
  }

  /** Stands for the whole model: 64 hex digits. */
  public String root() {
    return root;
  }

  /** All parts, by kind and name. */
  public List<Part> parts() {
    return parts;
  }

  /** The sums of the tensor that was asked for; none where there is no such tensor. */
  public RowSums rowSums() {
    return rowSums;
  }

  /** The first part, in their order, that the other model lacks or has otherwise, or adds. */
  public Optional<Part> firstDifference(GgufIdentity other) {
    if (root.equals(other.root)) {
      return Optional.empty();
    }
    Map<Part, Part> theirs = new TreeMap<>(Part::order);
    other.parts.forEach(part -> theirs.put(part, part));
    for (Part part : parts) {
      Part there = theirs.remove(part);
      if (there == null || !there.hash().equals(part.hash())) {
        return Optional.of(part);
      }
    }
    return theirs.keySet().stream().findFirst();
  }

  /**
   * Reads all of {@code files}, on several processors.
   *
   * @param files the model, in one file or in parts
   * @param rowsOf the tensor whose rows get a sum each
   * @param ends when true, the reading is given up
   * @throws GgufException when they are no parts of one model, or were cut off meanwhile
   * @throws CancellationException when it was given up
   */
  public static GgufIdentity of(List<GgufFile> files, String rowsOf, AtomicBoolean ends) {
    Reading reading = new Reading(files, rowsOf, ends);
    reading.run();
    List<Part> parts = new ArrayList<>(reading.metadata());
    parts.addAll(Arrays.asList(reading.hashed));
    parts.sort(Part::order);
    requireOnce(files, parts);
    return new GgufIdentity(rootOf(parts), parts, new RowSums(rowsOf, reading.sums));
  }

  /** {@link #of(List, String, AtomicBoolean)} for one file, not to be given up, without sums. */
  public static GgufIdentity of(GgufFile file) {
    return of(List.of(file), "", new AtomicBoolean());
  }

  private static void requireOnce(List<GgufFile> files, List<Part> parts) {
    for (int i = 1; i < parts.size(); i++) {
      if (Part.order(parts.get(i - 1), parts.get(i)) == 0) {
        throw new GgufException(
            files.getFirst().path()
                + ": its parts are not of one model, two have "
                + parts.get(i).title()
                + "; download them again");
      }
    }
  }

  private static String rootOf(List<Part> parts) {
    MessageDigest sha256 = sha256();
    for (Part part : parts) {
      byte[] name = part.name().getBytes(StandardCharsets.UTF_8);
      sha256.update(part.kind().code());
      sha256.update(littleEndian(Integer.BYTES).putInt(0, name.length));
      sha256.update(name);
      sha256.update(HexFormat.of().parseHex(part.hash()));
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** One reading of everything: tensors in the files' order, each by one thread. */
  private static final class Reading {
    private final List<GgufFile> files;
    private final String rowsOf;
    private final AtomicBoolean ends;
    private final List<Entry> tensors = new ArrayList<>();
    private final Part[] hashed;
    private final AtomicInteger next = new AtomicInteger();
    private volatile int[] sums = new int[0];
    private volatile @Nullable Throwable failure;

    private record Entry(GgufFile file, GgufTensor tensor) {}

    Reading(List<GgufFile> files, String rowsOf, AtomicBoolean ends) {
      this.files = files;
      this.rowsOf = rowsOf;
      this.ends = ends;
      for (GgufFile file : files) {
        file.tensors().forEach(tensor -> tensors.add(new Entry(file, tensor)));
      }
      this.hashed = new Part[tensors.size()];
    }

    List<Part> metadata() {
      Map<Part, Part> parts = new TreeMap<>(Part::order);
      MessageDigest sha256 = sha256();
      for (GgufFile file : files) {
        for (String key : file.metadata().keys()) {
          if (key.startsWith("split.") || key.equals(GgufParser.ALIGNMENT_KEY)) {
            continue;
          }
          sha256.update(file.metadata().encoded(key).asByteBuffer());
          Part part = new Part(Kind.METADATA, key, HexFormat.of().formatHex(sha256.digest()));
          Part before = parts.putIfAbsent(part, part);
          if (before != null && !before.equals(part)) {
            throw new GgufException(
                file.path()
                    + ": it is not of one model with "
                    + files.getFirst().path()
                    + ", "
                    + part.title()
                    + " is another; download them again");
          }
        }
      }
      return new ArrayList<>(parts.values());
    }

    void run() {
      int threads = Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
      List<Thread> others =
          IntStream.range(1, Math.min(threads, tensors.size()))
              .mapToObj(_ -> Thread.ofPlatform().daemon().name("baton-hash").start(this::hash))
              .toList();
      hash();
      boolean interrupted = false;
      for (Thread other : others) {
        while (other.isAlive()) {
          try {
            other.join();
          } catch (InterruptedException _) {
            interrupted = true; // they read a mapping that the caller may close
            ends.set(true);
          }
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      Throwable e = failure;
      if (e instanceof RuntimeException refused) {
        throw refused;
      }
      if (e instanceof OutOfMemoryError full) {
        throw full;
      }
      if (e != null) {
        // What a JVM makes of a page that is gone.
        throw new GgufException(
            files.getFirst().path() + ": it was cut off while it was read; start again", e);
      }
    }

    private void hash() {
      try {
        Worker worker = new Worker(this);
        for (int i = next.getAndIncrement(); i < hashed.length; i = next.getAndIncrement()) {
          hashed[i] = worker.part(tensors.get(i));
        }
      } catch (RuntimeException | Error e) {
        failure = e;
        next.set(hashed.length);
      }
    }
  }

  /** What one thread reads with. */
  private static final class Worker {
    private final Reading reading;
    private final MessageDigest sha256 = sha256();
    private byte[] piece = new byte[PIECE_BYTES];

    Worker(Reading reading) {
      this.reading = reading;
    }

    Part part(Reading.Entry entry) {
      GgufTensor tensor = entry.tensor();
      MemorySegment data = entry.file().data(tensor);
      long[] dims = tensor.dims();
      ByteBuffer head = littleEndian((1 + dims.length) * Long.BYTES).putLong(tensor.type().id());
      Arrays.stream(dims).forEach(head::putLong);
      sha256.update(head.flip());
      if (tensor.name().equals(reading.rowsOf)) {
        withSums(tensor, data);
      } else {
        for (long at = 0; at < data.byteSize(); at += PIECE_BYTES) {
          take(data, at, (int) Math.min(PIECE_BYTES, data.byteSize() - at));
        }
      }
      return new Part(Kind.TENSOR, tensor.name(), HexFormat.of().formatHex(sha256.digest()));
    }

    /** In pieces of whole rows. */
    private void withSums(GgufTensor tensor, MemorySegment data) {
      int rows = Math.toIntExact(tensor.rows());
      int rowBytes = Math.toIntExact(data.byteSize() / rows);
      int rowsAtOnce = Math.max(1, PIECE_BYTES / rowBytes);
      piece = new byte[Math.max(PIECE_BYTES, rowBytes)];
      int[] sums = new int[rows];
      CRC32C crc = new CRC32C();
      for (int row = 0; row < rows; row += rowsAtOnce) {
        int count = Math.min(rowsAtOnce, rows - row);
        take(data, (long) row * rowBytes, count * rowBytes);
        for (int i = 0; i < count; i++) {
          crc.reset();
          crc.update(piece, i * rowBytes, rowBytes);
          sums[row + i] = (int) crc.getValue();
        }
      }
      reading.sums = sums;
    }

    private void take(MemorySegment data, long at, int bytes) {
      if (reading.ends.get()) {
        throw new CancellationException("the reading was given up");
      }
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, piece, 0, bytes);
      sha256.update(piece, 0, bytes);
    }
  }
}
