package dev.baton.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes a GGUF file, version 3, little endian, tensors aligned to 32 bytes: collect metadata and
 * tensors, then {@link #write}. It checks sizes, not meaning. One thread.
 */
public final class GgufWriter {
  private static final int ALIGNMENT = GgufParser.DEFAULT_ALIGNMENT;
  private static final int CHUNK_BYTES = 1 << 20;

  /** Brings a tensor's bytes when they are wanted, so that a large model need not be in memory. */
  @FunctionalInterface
  public interface TensorSource {
    /** Writes exactly the tensor's byte size to {@code out}. */
    void writeTo(WritableByteChannel out) throws IOException;
  }

  private record Entry(GgufTensor tensor, TensorSource source) {}

  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private final List<Entry> tensors = new ArrayList<>();
  private int metadataCount;
  private long dataBytes;

  /** A whole number of any width, as its low bits. */
  public GgufWriter integer(String key, GgufValueType type, long value) {
    return key(key, whole(type)).put(type, value);
  }

  /** A {@code UINT32}, what most of the specification's whole numbers are. */
  public GgufWriter integer(String key, long value) {
    return integer(key, GgufValueType.UINT32, value);
  }

  /** A {@code FLOAT32}. */
  public GgufWriter real(String key, float value) {
    return key(key, GgufValueType.FLOAT32)
        .put(GgufValueType.FLOAT32, Float.floatToRawIntBits(value));
  }

  /** A {@code FLOAT64}. */
  public GgufWriter real64(String key, double value) {
    return key(key, GgufValueType.FLOAT64)
        .put(GgufValueType.FLOAT64, Double.doubleToRawLongBits(value));
  }

  public GgufWriter bool(String key, boolean value) {
    return key(key, GgufValueType.BOOL).put(GgufValueType.BOOL, value ? 1 : 0);
  }

  public GgufWriter string(String key, String value) {
    return key(key, GgufValueType.STRING).put(value);
  }

  /** An array of whole numbers of any width, each as its low bits. */
  public GgufWriter integers(String key, GgufValueType type, long... values) {
    array(key, whole(type), values.length);
    for (long value : values) {
      put(type, value);
    }
    return this;
  }

  /** An array of {@code FLOAT32}. */
  public GgufWriter reals(String key, float... values) {
    array(key, GgufValueType.FLOAT32, values.length);
    for (float value : values) {
      put(GgufValueType.FLOAT32, Float.floatToRawIntBits(value));
    }
    return this;
  }

  /** An array of {@code FLOAT64}. */
  public GgufWriter reals64(String key, double... values) {
    array(key, GgufValueType.FLOAT64, values.length);
    for (double value : values) {
      put(GgufValueType.FLOAT64, Double.doubleToRawLongBits(value));
    }
    return this;
  }

  public GgufWriter bools(String key, boolean... values) {
    array(key, GgufValueType.BOOL, values.length);
    for (boolean value : values) {
      put(GgufValueType.BOOL, value ? 1 : 0);
    }
    return this;
  }

  public GgufWriter strings(String key, List<String> values) {
    array(key, GgufValueType.STRING, values.size());
    values.forEach(this::put);
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param dims its sizes in ggml's order, the row length first
   * @param data exactly its bytes; read at {@link #write}
   */
  public GgufWriter tensor(String name, GgmlType type, long[] dims, MemorySegment data) {
    long byteSize = byteSize(type, dims);
    if (data.byteSize() != byteSize) {
      throw new IllegalArgumentException(
          name + " takes " + byteSize + " bytes, got " + data.byteSize());
    }
    return tensor(name, type, dims, out -> writeFully(out, data));
  }

  /** Adds a tensor whose bytes {@code source} brings at {@link #write}. */
  public GgufWriter tensor(String name, GgmlType type, long[] dims, TensorSource source) {
    GgufTensor tensor = new GgufTensor(name, type, dims, dataBytes, byteSize(type, dims));
    tensors.add(new Entry(tensor, source));
    dataBytes = aligned(dataBytes + tensor.byteSize());
    return this;
  }

  /** Writes the file, replacing what stands at {@code path}. */
  public void write(Path path) throws IOException {
    ByteBuffer head = head();
    try (FileChannel out =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      writeFully(out, MemorySegment.ofBuffer(head));
      for (Entry entry : tensors) {
        long end = out.position() + entry.tensor.byteSize();
        entry.source.writeTo(out);
        if (out.position() != end) {
          throw new IOException(
              entry.tensor.name()
                  + ": its source is off by "
                  + (out.position() - end)
                  + " bytes from its size");
        }
        writeFully(out, MemorySegment.ofArray(new byte[(int) (aligned(end) - end)]));
      }
    }
  }

  private ByteBuffer head() {
    GgufWriter table = new GgufWriter();
    for (Entry entry : tensors) {
      table.put(entry.tensor.name()).put(GgufValueType.UINT32, entry.tensor.dims().length);
      for (long dim : entry.tensor.dims()) {
        table.put(GgufValueType.UINT64, dim);
      }
      table
          .put(GgufValueType.UINT32, entry.tensor.type().id())
          .put(GgufValueType.UINT64, entry.tensor.offset());
    }
    int fixedBytes = 2 * Integer.BYTES + 2 * Long.BYTES;
    long bytes = aligned(fixedBytes + (long) metadata.size() + table.metadata.size());
    return ByteBuffer.allocate(Math.toIntExact(bytes))
        .order(ByteOrder.LITTLE_ENDIAN)
        .put("GGUF".getBytes(StandardCharsets.US_ASCII))
        .putInt(3)
        .putLong(tensors.size())
        .putLong(metadataCount)
        .put(metadata.toByteArray())
        .put(table.metadata.toByteArray())
        .rewind();
  }

  private static GgufValueType whole(GgufValueType type) {
    if (!type.isInteger()) {
      throw new IllegalArgumentException(type + " is no type of whole numbers");
    }
    return type;
  }

  private static long byteSize(GgmlType type, long[] dims) {
    return type.rowBytes(dims[0]) * Arrays.stream(dims).skip(1).reduce(1, Math::multiplyExact);
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) & -ALIGNMENT;
  }

  private GgufWriter key(String key, GgufValueType type) {
    metadataCount++;
    return put(key).put(GgufValueType.UINT32, type.id());
  }

  private void array(String key, GgufValueType elementType, int count) {
    key(key, GgufValueType.ARRAY)
        .put(GgufValueType.UINT32, elementType.id())
        .put(GgufValueType.UINT64, count);
  }

  private GgufWriter put(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    put(GgufValueType.UINT64, utf8.length);
    metadata.writeBytes(utf8);
    return this;
  }

  /** The low bytes of {@code bits}, as many as {@code type} has, lowest first. */
  private GgufWriter put(GgufValueType type, long bits) {
    for (int i = 0; i < type.minBytes(); i++) {
      metadata.write((int) (bits >>> (8 * i)));
    }
    return this;
  }

  private static void writeFully(WritableByteChannel out, MemorySegment data) throws IOException {
    // Through a byte array: a segment over a float[] has no ByteBuffer of its own.
    byte[] chunk = new byte[(int) Math.min(CHUNK_BYTES, data.byteSize())];
    for (long at = 0; at < data.byteSize(); at += chunk.length) {
      int length = (int) Math.min(chunk.length, data.byteSize() - at);
      MemorySegment.copy(data, at, MemorySegment.ofArray(chunk), 0, length);
      for (ByteBuffer rest = ByteBuffer.wrap(chunk, 0, length); rest.hasRemaining(); ) {
        out.write(rest);
      }
    }
  }
}
