package dev.baton.ggml;

import dev.baton.arch.LayerRange;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a model, or of a part of it, in a device's memory, as they are in the file;
 * vectors as float32.
 */
final class GgmlWeights implements AutoCloseable {
  private static final int TENSORS_IN_LAYER = 9;

  /** What is read of the file at once. */
  private static final long PIECE_BYTES = 8 << 20;

  /** The weights of one layer; matrices are (out, in). */
  record Layer(
      MemorySegment attentionNorm,
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment attentionOut,
      MemorySegment ffnNorm,
      MemorySegment gate,
      MemorySegment up,
      MemorySegment down) {}

  private record Upload(GgufTensor from, MemorySegment to, boolean asFloats) {}

  private final GgufFile file;
  private final GgmlMemory memory;
  private final List<Upload> uploads = new ArrayList<>();
  private final List<Layer> layers = new ArrayList<>();
  private final GgmlPart part;
  private final @Nullable MemorySegment outputNorm;
  private final @Nullable MemorySegment output;
  private final @Nullable MemorySegment ropeFactors;

  /**
   * Brings them there.
   *
   * @param part what of the model; the rest takes no memory
   * @param progress told the share done, 0..1
   * @throws GgmlException when the device has too little memory
   * @throws dev.baton.gguf.GgufException when the file cannot be read, or is cut off meanwhile
   */
  GgmlWeights(
      GgmlLibrary ggml, GgmlDevice device, GgufFile file, GgmlPart part, DoubleConsumer progress) {
    this.file = file;
    this.part = part;
    LayerRange held = part.layers();
    this.memory = new GgmlMemory(ggml, device, held.count() * TENSORS_IN_LAYER + 3);
    for (int i = held.from(); i < held.to(); i++) {
      layers.add(layer("blk." + i + "."));
    }
    boolean tied = file.find("output.weight").isEmpty();
    this.outputNorm = part.output() ? vector("output_norm.weight") : null;
    this.output = part.output() ? matrix(tied ? "token_embd.weight" : "output.weight") : null;
    this.ropeFactors =
        file.find("rope_freqs.weight").isPresent() ? vector("rope_freqs.weight") : null;
    requireRoom(device);
    memory.allocate("the model's weights", false).holdsWeights();
    try {
      upload(ggml.backends(), progress);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  private Layer layer(String prefix) {
    return new Layer(
        vector(prefix + "attn_norm.weight"),
        matrix(prefix + "attn_q.weight"),
        matrix(prefix + "attn_k.weight"),
        matrix(prefix + "attn_v.weight"),
        matrix(prefix + "attn_output.weight"),
        vector(prefix + "ffn_norm.weight"),
        matrix(prefix + "ffn_gate.weight"),
        matrix(prefix + "ffn_up.weight"),
        matrix(prefix + "ffn_down.weight"));
  }

  private MemorySegment matrix(String name) {
    GgufTensor tensor = file.tensor(name);
    MemorySegment there = memory.matrix(tensor.type().id(), tensor.cols(), tensor.rows());
    uploads.add(new Upload(tensor, there, false));
    return there;
  }

  private MemorySegment vector(String name) {
    GgufTensor tensor = file.tensor(name);
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
          MemorySegment floats = floats(upload.from(), arena);
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

  private MemorySegment floats(GgufTensor vector, Arena arena) {
    MemorySegment data = arena.allocate(vector.byteSize(), Long.BYTES);
    file.read(vector, 0, data);
    int n = Math.toIntExact(vector.cols());
    MemorySegment floats = arena.allocate((long) n * Float.BYTES, Float.BYTES);
    new Dequantizer().row(vector.type(), data, 0, n, floats, 0);
    return floats;
  }

  Layer layer(int index) {
    return layers.get(index - part.layers().from());
  }

  /** Only where the part has it. */
  MemorySegment outputNorm() {
    return Objects.requireNonNull(outputNorm);
  }

  /** Only where the part has it. */
  MemorySegment output() {
    return Objects.requireNonNull(output);
  }

  /** RoPE factors, or NULL. */
  MemorySegment ropeFactors() {
    return ropeFactors == null ? MemorySegment.NULL : ropeFactors;
  }

  @Override
  public void close() {
    memory.close();
  }
}
