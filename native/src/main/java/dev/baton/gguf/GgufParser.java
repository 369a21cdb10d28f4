package dev.baton.gguf;

import static dev.baton.gguf.GgufException.quoted;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Turns the bytes of a GGUF file into its metadata and its tensor table, or refuses them naming the
 * field at fault.
 *
 * <p>Source: the GGUF specification (ggml, {@code docs/gguf.md}), versions 2 and 3.
 */
final class GgufParser {
  static final int MAX_METADATA = 1 << 16;
  static final int MAX_TENSORS = 1 << 17;
  static final int MAX_KEY_BYTES = 65_535;
  static final int MAX_STRING_BYTES = 1 << 26;
  static final int MAX_ARRAY_ELEMENTS = 1 << 22;
  // ggml allows 64, builds for very deep models 128.
  static final int MAX_TENSOR_NAME_BYTES = 128;
  static final int MAX_DIMS = 4;
  static final int DEFAULT_ALIGNMENT = 32;
  static final String ALIGNMENT_KEY = "general.alignment";
  static final int MAX_ALIGNMENT = 1 << 20;

  private static final int MAGIC = 0x46554747;
  private static final int MIN_METADATA_BYTES = Long.BYTES + Integer.BYTES + 1;
  private static final int MIN_TENSOR_BYTES =
      Long.BYTES + Integer.BYTES + Long.BYTES + Integer.BYTES + Long.BYTES;

  /**
   * @param headBytes the bytes before the tensor data, padding included where the file has it
   */
  record Head(int version, GgufMetadata metadata, List<GgufTensor> tensors, long headBytes) {}

  private final String file;
  private final MemorySegment bytes;
  private final GgufCursor cursor;

  private GgufParser(String file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
    this.cursor = new GgufCursor(file, bytes);
  }

  /**
   * @param file what messages call the file
   * @param bytes the whole file
   * @param check told the metadata before the tensor table is read
   */
  static Head parse(String file, MemorySegment bytes, Consumer<GgufMetadata> check) {
    GgufParser parser = new GgufParser(file, bytes);
    int version = parser.version();
    int tensorCount = parser.tensorCount();
    GgufMetadata metadata = parser.metadata();
    check.accept(metadata);
    long alignment = parser.alignment(metadata);
    List<TensorEntry> entries = parser.tensorEntries(tensorCount);
    long dataStart = (parser.cursor.position() + alignment - 1) & -alignment;
    List<GgufTensor> tensors = parser.place(entries, dataStart, alignment);
    parser.refuseOverlaps(tensors);
    return new Head(version, metadata, tensors, Math.min(dataStart, bytes.byteSize()));
  }

  /** The head without its tensor table, whatever that holds. */
  static Head parseMetadata(String file, MemorySegment bytes) {
    GgufParser parser = new GgufParser(file, bytes);
    int version = parser.version();
    parser.tensorCount();
    GgufMetadata metadata = parser.metadata();
    return new Head(version, metadata, List.of(), parser.cursor.position());
  }

  private int tensorCount() {
    return cursor.count("tensor count", MIN_TENSOR_BYTES, MAX_TENSORS);
  }

  private int version() {
    if (bytes.byteSize() == 0) {
      throw new GgufException(file + ": the file is empty; download it again");
    }
    if (bytes.byteSize() < Integer.BYTES || cursor.int32("magic") != MAGIC) {
      throw new GgufException(file + ": not a GGUF file (magic): " + ForeignFormat.describe(bytes));
    }
    int version = cursor.int32("version");
    if ((version & 0xFFFF) == 0 && version != 0) {
      throw cursor.error("version: the file is big endian; get or convert a little-endian one");
    }
    if (version != 2 && version != 3) {
      throw cursor.error(
          "version "
              + Integer.toUnsignedString(version)
              + " is not read here, only 2 and 3; convert the model again");
    }
    return version;
  }

  private GgufMetadata metadata() {
    int count = cursor.count("metadata count", MIN_METADATA_BYTES, MAX_METADATA);
    Map<String, GgufValue> values = LinkedHashMap.newLinkedHashMap(count);
    Map<String, MemorySegment> encoded = HashMap.newHashMap(count);
    for (int i = 0; i < count; i++) {
      cursor.enter("metadata entry", i, count);
      String key = cursor.string("key", MAX_KEY_BYTES);
      if (key.isEmpty()) {
        throw cursor.broken("key is empty");
      }
      cursor.enter("metadata", key);
      long start = cursor.position();
      if (values.put(key, value()) != null) {
        throw cursor.error("the key occurs twice; convert the model again");
      }
      encoded.put(key, bytes.asSlice(start, cursor.position() - start));
    }
    return new GgufMetadata(file, values, encoded);
  }

  private GgufValue value() {
    GgufValueType type = valueType("value type");
    return switch (type) {
      case STRING -> new GgufValue.Scalar(type, cursor.string("string", MAX_STRING_BYTES));
      case ARRAY -> array();
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64, FLOAT32, FLOAT64, BOOL ->
          new GgufValue.Scalar(
              type, GgufMetadata.scalar(type, cursor.slice("value", type.minBytes())));
    };
  }

  private GgufValue.Array array() {
    GgufValueType type = valueType("array element type");
    if (type == GgufValueType.ARRAY) {
      throw cursor.error("arrays within arrays are not read here; convert the model without them");
    }
    int count = cursor.count("array length", type.minBytes(), MAX_ARRAY_ELEMENTS);
    MemorySegment elements =
        type == GgufValueType.STRING
            ? cursor.strings("string", count, MAX_STRING_BYTES)
            : cursor.slice("array", (long) count * type.minBytes());
    return new GgufValue.Array(type, count, elements);
  }

  private GgufValueType valueType(String field) {
    int id = cursor.int32(field);
    return GgufValueType.ofId(id)
        .orElseThrow(
            () -> cursor.broken(field + " " + Integer.toUnsignedString(id) + " is unknown"));
  }

  private long alignment(GgufMetadata metadata) {
    long alignment = metadata.integer(ALIGNMENT_KEY, DEFAULT_ALIGNMENT);
    if (alignment < 8 || alignment > MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw new GgufException(
          file
              + ": metadata 'general.alignment': "
              + alignment
              + " is no power of two from 8 to "
              + MAX_ALIGNMENT
              + "; convert the model again");
    }
    return alignment;
  }

  /** A tensor as the table has it, its data not yet looked for. */
  private record TensorEntry(String name, GgmlType type, long[] dims, long offset, long byteSize) {}

  private List<TensorEntry> tensorEntries(int count) {
    Map<String, TensorEntry> entries = LinkedHashMap.newLinkedHashMap(count);
    for (int i = 0; i < count; i++) {
      cursor.enter("tensor", i, count);
      String name = cursor.string("name", MAX_TENSOR_NAME_BYTES);
      if (name.isEmpty()) {
        throw cursor.broken("name is empty");
      }
      cursor.enter("tensor", name);
      if (entries.put(name, tensorEntry(name)) != null) {
        throw cursor.error("the name occurs twice; convert the model again");
      }
    }
    return List.copyOf(entries.values());
  }

  private TensorEntry tensorEntry(String name) {
    int dimCount = cursor.int32("dimension count");
    if (dimCount < 1 || dimCount > MAX_DIMS) {
      throw cursor.broken(
          "dimension count "
              + Integer.toUnsignedString(dimCount)
              + " is not within 1 to "
              + MAX_DIMS);
    }
    long[] dims = new long[dimCount];
    for (int d = 0; d < dimCount; d++) {
      dims[d] = cursor.int64("dimension " + d);
      if (dims[d] < 1) {
        throw cursor.broken("dimension " + d + " is " + Long.toUnsignedString(dims[d]));
      }
    }
    int typeId = cursor.int32("type");
    GgmlType type =
        GgmlType.ofId(typeId)
            .orElseThrow(() ->
                cursor.error(
                    "type "
                        + GgmlType.nameOf(typeId)
                        + " is not read by this version, which reads "
                        + GgmlType.readable()
                        + "; take the model in one of these"));
    return new TensorEntry(name, type, dims, cursor.int64("offset"), byteSize(type, dims));
  }

  private long byteSize(GgmlType type, long[] dims) {
    if (dims[0] % type.blockElements() != 0) {
      throw cursor.error(
          "dimension 0 is "
              + dims[0]
              + ", no whole number of "
              + type
              + " blocks of "
              + type.blockElements()
              + "; convert the model again");
    }
    long elements = 1;
    for (long dim : dims) {
      if (dim > Long.MAX_VALUE / type.blockBytes() / elements) {
        throw cursor.broken(
            "the product of the dimensions " + Arrays.toString(dims) + " overflows");
      }
      elements *= dim;
    }
    return type.rowBytes(elements);
  }

  private List<GgufTensor> place(List<TensorEntry> entries, long dataStart, long alignment) {
    List<GgufTensor> tensors = new ArrayList<>(entries.size());
    for (TensorEntry entry : entries) {
      cursor.enter("tensor", entry.name);
      if (entry.offset < 0 || entry.offset % alignment != 0) {
        throw cursor.broken(
            "offset "
                + Long.toUnsignedString(entry.offset)
                + " is no multiple of the alignment "
                + alignment);
      }
      // No underflow: an offset is a multiple of the alignment, and the start is less than one
      // alignment past the end.
      if (bytes.byteSize() - dataStart - entry.offset < entry.byteSize) {
        throw truncated(entry, dataStart);
      }
      tensors.add(
          new GgufTensor(
              entry.name, entry.type, entry.dims, dataStart + entry.offset, entry.byteSize));
    }
    return List.copyOf(tensors);
  }

  private GgufException truncated(TensorEntry entry, long dataStart) {
    BigInteger end =
        BigInteger.valueOf(dataStart)
            .add(BigInteger.valueOf(entry.offset))
            .add(BigInteger.valueOf(entry.byteSize));
    return new GgufException(
        file
            + ": truncated: tensor "
            + quoted(entry.name)
            + " ends at byte "
            + end
            + " but the file has "
            + bytes.byteSize()
            + " bytes; download it again");
  }

  private void refuseOverlaps(List<GgufTensor> tensors) {
    List<GgufTensor> byOffset = new ArrayList<>(tensors);
    byOffset.sort(Comparator.comparingLong(GgufTensor::offset));
    for (int i = 1; i < byOffset.size(); i++) {
      GgufTensor before = byOffset.get(i - 1);
      GgufTensor after = byOffset.get(i);
      if (before.offset() + before.byteSize() > after.offset()) {
        cursor.enter("tensor", after.name());
        throw cursor.broken("offset lies within the data of tensor " + quoted(before.name()));
      }
    }
  }
}
