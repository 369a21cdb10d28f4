package dev.baton.ggml;

import dev.baton.arch.Weight;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleConsumer;

/**
 * The weights of a model, or of a part of it, in a device's memory, as they are in the file;
 * vectors as float32.
 */
final class GgmlWeights implements AutoCloseable {
  /** What is read of the file at once. */
  private static final long PIECE_BYTES = 8 << 20;

  private record Upload(GgufTensor from, MemorySegment to, boolean asFloats) {}

  private final GgufFile file;
  private final GgmlMemory memory;
  private final List<Upload> uploads = new ArrayList<>();
  private final Map<String, MemorySegment> tensors = new HashMap<>();

  /**
   * Brings them there.
   *
   * @param weights what of the model; the rest takes no memory
   * @param progress told the share done, 0..1
   * @throws GgmlException when the device has too little memory
   * @throws dev.baton.gguf.GgufException when the file cannot be read, or is cut off meanwhile
   */
  GgmlWeights(
      GgmlLibrary ggml,
      GgmlDevice device,
      GgufFile file,
      List<Weight> weights,
      DoubleConsumer progress) {
    this.file = file;
    this.memory = new GgmlMemory(ggml, device, weights.size());
    for (Weight weight : weights) {
      tensors.put(weight.name(), weight.isVector() ? vector(weight) : matrix(weight));
    }
    requireRoom(device);
    memory.allocate("the model's weights", false).holdsWeights();
    try {
      upload(ggml.backends(), progress);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  private MemorySegment matrix(Weight weight) {
    GgufTensor tensor = file.tensor(weight.name());
    MemorySegment there = memory.matrix(tensor.type().id(), tensor.cols(), tensor.rows());
    uploads.add(new Upload(tensor, there, false));
    return there;
  }

  private MemorySegment vector(Weight weight) {
    GgufTensor tensor = file.tensor(weight.name());
    MemorySegment there = memory.vector(GgmlTensors.F32, tensor.cols());
    uploads.add(new Upload(tensor, there, true));
    return there;
  }

  /** Some devices take what they do not have, and are slow or abort later. */
  private void requireRoom(GgmlDevice device) {
    long bytes = 0;
    for (Upload upload : uploads) {
      bytes += upload.from().byteSize();
    }
    if (device.freeBytes() > 0 && bytes > device.freeBytes()) {
      memory.close();
      throw new GgmlException(
          String.format(
              Locale.ROOT,
              "device %s has %.1f GB of memory free and the model's weights are %.1f GB; use a"
                  + " smaller model or another device",
              device.label(),
              device.freeBytes() / 1e9,
              bytes / 1e9));
    }
  }

  private void upload(GgmlBackends backends, DoubleConsumer progress) {
    long largest = uploads.stream().mapToLong(upload -> upload.from().byteSize()).max().orElse(0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(Math.min(largest, PIECE_BYTES), Long.BYTES);
      int done = 0;
      for (Upload upload : uploads) {
        progress.accept((double) done++ / uploads.size());
        if (upload.asFloats()) {
          MemorySegment floats = Dequantizer.vector(file, upload.from(), arena);
          backends.tensorSet(upload.to(), floats, 0, floats.byteSize());
        } else {
          upload(backends, upload, piece);
        }
      }
    }
    progress.accept(1.0);
  }

  /** In pieces read by position: C code that reads a mapping dies with a file that is cut off. */
  private void upload(GgmlBackends backends, Upload upload, MemorySegment piece) {
    long size = upload.from().byteSize();
    for (long at = 0; at < size; at += PIECE_BYTES) {
      MemorySegment part = piece.asSlice(0, Math.min(PIECE_BYTES, size - at));
      file.read(upload.from(), at, part);
      backends.tensorSet(upload.to(), part, at, part.byteSize());
    }
  }

  /** A weight that is held. */
  MemorySegment of(Weight weight) {
    return Objects.requireNonNull(tensors.get(weight.name()));
  }

  @Override
  public void close() {
    memory.close();
  }
}
