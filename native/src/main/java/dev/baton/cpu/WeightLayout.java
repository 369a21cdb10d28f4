package dev.baton.cpu;

import dev.baton.arch.Weight;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.PackedMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleConsumer;

/**
 * Where each packed matrix of a model stands in one run of memory, in the order of their use: all
 * but the run's ends is on huge pages, and what is fetched ahead at the end of one matrix is the
 * beginning of the next.
 */
final class WeightLayout {
  private static final long LINE_BYTES = 64;

  /** What is read at once of a matrix that is packed: within a processor's caches. */
  private static final long RAW_BYTES = 8 << 20;

  /**
   * One matrix.
   *
   * @param offset of its first byte in the run, a multiple of 64
   */
  record Slot(GgufTensor tensor, long offset, long bytes) {
    GgmlType type() {
      return tensor.type();
    }

    int rows() {
      return Math.toIntExact(tensor.rows());
    }

    int cols() {
      return Math.toIntExact(tensor.cols());
    }

    /** The slot's own part of the run. */
    MemorySegment in(MemorySegment run) {
      return run.asSlice(offset, bytes);
    }

    @Override
    public String toString() {
      return tensor.name() + " " + type() + " " + rows() + " " + cols() + " " + offset;
    }
  }

  private final GgufFile file;
  private final Kernels kernels;
  private final List<Slot> slots = new ArrayList<>();
  private long bytes;

  /**
   * @param weights of which the matrices are packed, in the order of their use
   */
  WeightLayout(GgufFile file, List<Weight> weights, Kernels kernels) {
    this.file = file;
    this.kernels = kernels;
    for (Weight weight : weights) {
      if (!weight.isVector()) {
        add(file.tensor(weight.name()));
      }
    }
  }

  private void add(GgufTensor tensor) {
    int rows = Math.toIntExact(tensor.rows());
    int cols = Math.toIntExact(tensor.cols());
    Slot slot = new Slot(tensor, bytes, kernels.packedBytes(tensor.type(), rows, cols));
    slots.add(slot);
    bytes += (slot.bytes() + LINE_BYTES - 1) & -LINE_BYTES;
  }

  /** Bytes of the run; 0 for kernels that use matrices where they stand in the file. */
  long bytes() {
    return bytes;
  }

  List<Slot> slots() {
    return slots;
  }

  /** What is done with the run as it is packed. */
  interface Packed {
    /** The run's first {@code bytes} are packed. */
    void upTo(long bytes) throws IOException;
  }

  /**
   * Packs every matrix into {@code run}.
   *
   * @param packed told after each matrix; what it throws ends the packing
   * @param unpacked gives memory for matrices that are used as they stand in the file
   * @param progress told the share done, 0..1
   * @return the matrices by tensor name
   */
  Map<String, PackedMatrix> pack(
      MemorySegment run, Packed packed, SegmentAllocator unpacked, DoubleConsumer progress)
      throws IOException {
    if (bytes == 0) {
      return unpacked(unpacked, progress);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment raw = arena.allocate(rawBytes(), LINE_BYTES);
      for (Slot slot : slots) {
        progress.accept((double) slot.offset() / bytes);
        pack(slot, raw, slot.in(run), packed);
      }
    }
    progress.accept(1);
    return packed(run);
  }

  /** Packs a matrix in runs of rows, each read by position: a file may be cut off meanwhile. */
  private void pack(Slot slot, MemorySegment raw, MemorySegment into, Packed packed)
      throws IOException {
    long rowBytes = slot.type().rowBytes(slot.cols());
    int most = rowsAtOnce(slot);
    for (int row = 0; row < slot.rows(); row += most) {
      int rows = Math.min(most, slot.rows() - row);
      MemorySegment run = raw.asSlice(0, rows * rowBytes);
      file.read(slot.tensor(), row * rowBytes, run);
      long from = kernels.packedBytes(slot.type(), row, slot.cols());
      var _ =
          kernels.pack(
              slot.type(),
              run,
              rows,
              slot.cols(),
              SegmentAllocator.prefixAllocator(into.asSlice(from)));
      packed.upTo(slot.offset() + (row + rows == slot.rows() ? slot.bytes() : from));
    }
  }

  /** As many as fit into {@link #RAW_BYTES}, at the least those that are packed together. */
  private int rowsAtOnce(Slot slot) {
    int together = kernels.packRows();
    long runs = RAW_BYTES / (slot.type().rowBytes(slot.cols()) * together);
    return (int) Math.min(Math.max(1, runs) * together, slot.rows());
  }

  private long rawBytes() {
    return slots.stream()
        .mapToLong(slot -> slot.type().rowBytes(slot.cols()) * rowsAtOnce(slot))
        .max()
        .orElse(0);
  }

  private Map<String, PackedMatrix> unpacked(SegmentAllocator memory, DoubleConsumer progress) {
    Map<String, PackedMatrix> matrices = new HashMap<>();
    for (Slot slot : slots) {
      progress.accept((double) matrices.size() / slots.size());
      MemorySegment raw = memory.allocate(slot.tensor().byteSize(), LINE_BYTES);
      for (long at = 0; at < raw.byteSize(); at += RAW_BYTES) {
        file.read(slot.tensor(), at, raw.asSlice(at, Math.min(RAW_BYTES, raw.byteSize() - at)));
      }
      matrices.put(
          slot.tensor().name(), kernels.pack(slot.type(), raw, slot.rows(), slot.cols(), memory));
    }
    progress.accept(1);
    return matrices;
  }

  /** The matrices by tensor name, where {@code run} holds them packed. */
  Map<String, PackedMatrix> packed(MemorySegment run) {
    Map<String, PackedMatrix> matrices = new HashMap<>();
    for (Slot slot : slots) {
      matrices.put(
          slot.tensor().name(),
          new PackedMatrix(slot.type(), slot.rows(), slot.cols(), slot.in(run)));
    }
    return matrices;
  }
}
