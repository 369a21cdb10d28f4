package dev.baton.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** GGUF bytes field by field, right or wrong, as the hostile cases need them. */
final class RawGguf {
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

  /** A whole header. */
  static RawGguf header(int version, long tensors, long metadata) {
    return new RawGguf().ascii("GGUF").u32(version).u64(tensors).u64(metadata);
  }

  RawGguf ascii(String text) {
    bytes.put(text.getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  RawGguf u8(int value) {
    bytes.put((byte) value);
    return this;
  }

  RawGguf u32(int value) {
    bytes.putInt(value);
    return this;
  }

  RawGguf u64(long value) {
    bytes.putLong(value);
    return this;
  }

  RawGguf string(String text) {
    return u64(text.length()).ascii(text);
  }

  /** A metadata entry of one UINT32. */
  RawGguf entry(String key, int value) {
    return string(key).u32(GgufValueType.UINT32.id()).u32(value);
  }

  /** A row of the tensor table. */
  RawGguf tensor(String name, GgmlType type, long offset, long... dims) {
    return tensor(name, type.id(), offset, dims);
  }

  RawGguf tensor(String name, int type, long offset, long... dims) {
    string(name).u32(dims.length);
    for (long dim : dims) {
      u64(dim);
    }
    return u32(type).u64(offset);
  }

  /** Zeros up to the next multiple of 32, then {@code count} more. */
  RawGguf data(int count) {
    bytes.put(new byte[-bytes.position() & 31]).put(new byte[count]);
    return this;
  }

  byte[] bytes() {
    return Arrays.copyOf(bytes.array(), bytes.position());
  }
}
