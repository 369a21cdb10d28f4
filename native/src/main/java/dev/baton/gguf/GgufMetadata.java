package dev.baton.gguf;

import static dev.baton.gguf.GgufException.quoted;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedSet;
import java.util.StringJoiner;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The key-value pairs of a GGUF file. Getters throw {@link GgufException} naming the key, the
 * wanted and the found type where a key is missing or of another type; the variants with a default
 * do so only for another type. Arrays are decoded anew at each call: keep what you get. Immutable;
 * any thread. Arrays need the file to be open.
 */
public final class GgufMetadata {
  private static final int SHOWN_ELEMENTS = 8;
  private static final int SHOWN_CHARACTERS = 400;

  private final String file;
  private final Map<String, GgufValue> values;
  private final Map<String, MemorySegment> encoded;

  /**
   * @param encoded type and value of each key as they stand in the file
   */
  GgufMetadata(String file, Map<String, GgufValue> values, Map<String, MemorySegment> encoded) {
    this.file = file;
    this.values = Collections.unmodifiableMap(values);
    this.encoded = encoded;
  }

  /** Type and value of a key that is there, as they stand in the file, which has to be open. */
  MemorySegment encoded(String key) {
    return Objects.requireNonNull(encoded.get(key));
  }

  /** Reads what these values mean; a refusal that does not name the file will. */
  public <T> T naming(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (GgufException e) {
      String message = String.valueOf(e.getMessage());
      throw message.startsWith(file) ? e : new GgufException(file + ": " + message, e);
    }
  }

  /** All keys, in file order. */
  public SequencedSet<String> keys() {
    return Collections.unmodifiableSequencedSet(new LinkedHashSet<>(values.keySet()));
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** Whether {@code key} is there and holds an array. */
  public boolean isArray(String key) {
    return values.get(key) instanceof GgufValue.Array;
  }

  /** Elements of the array at {@code key}, of whatever type; nothing is decoded. */
  public int arrayLength(String key) {
    return array(key, "an array").count();
  }

  /** The string at {@code key}; bytes that are no UTF-8 read as U+FFFD. */
  public String string(String key) {
    return (String) scalar(key, GgufValueType.STRING == typeOf(key), "a string");
  }

  public String string(String key, String ifMissing) {
    return has(key) ? string(key) : ifMissing;
  }

  /** The whole number at {@code key}, of any width. */
  public long integer(String key) {
    GgufValueType type = typeOf(key);
    long value = (Long) scalar(key, type != null && type.isInteger(), "a whole number");
    if (type == GgufValueType.UINT64 && value < 0) {
      throw new GgufException(
          file
              + ": metadata "
              + quoted(key)
              + ": "
              + Long.toUnsignedString(value)
              + " does not fit 63 bits");
    }
    return value;
  }

  public long integer(String key, long ifMissing) {
    return has(key) ? integer(key) : ifMissing;
  }

  /** The floating-point number at {@code key}; a FLOAT32 is widened exactly. */
  public double real(String key) {
    GgufValueType type = typeOf(key);
    return (Double) scalar(key, type != null && type.isReal(), "a floating-point number");
  }

  public double real(String key, double ifMissing) {
    return has(key) ? real(key) : ifMissing;
  }

  public boolean bool(String key) {
    return (Boolean) scalar(key, GgufValueType.BOOL == typeOf(key), "a truth value");
  }

  public boolean bool(String key, boolean ifMissing) {
    return has(key) ? bool(key) : ifMissing;
  }

  /** The strings of the array at {@code key}. */
  public List<String> strings(String key) {
    GgufValue.Array array = array(key, "an array of strings");
    if (array.elementType() != GgufValueType.STRING) {
      throw wrongType(key, "an array of strings", array);
    }
    // One copy, and then plain arrays: fast in a JVM that has not compiled this yet, too.
    byte[] bytes = open(array).toArray(ValueLayout.JAVA_BYTE);
    String[] strings = new String[array.count()];
    int at = 0;
    for (int i = 0; i < strings.length; i++) {
      int length = GgufCursor.int32(bytes, at);
      at += Long.BYTES;
      strings[i] = new String(bytes, at, length, StandardCharsets.UTF_8);
      at += length;
    }
    return Collections.unmodifiableList(Arrays.asList(strings));
  }

  /** The whole numbers of the array at {@code key}; each must fit 32 bits with sign. */
  public int[] ints(String key) {
    GgufValue.Array array = array(key, "an array of whole numbers");
    GgufValueType type = array.elementType();
    if (!type.isInteger()) {
      throw wrongType(key, "an array of whole numbers", array);
    }
    if (type == GgufValueType.INT32) {
      return open(array).toArray(GgufCursor.INT);
    }
    ByteBuffer bytes = littleEndian(open(array));
    int[] ints = new int[array.count()];
    for (int i = 0; i < ints.length; i++) {
      long value = integer(type, bytes, i * type.minBytes());
      ints[i] = (int) value;
      if (ints[i] != value) {
        throw new GgufException(
            file
                + ": metadata "
                + quoted(key)
                + ": element "
                + i
                + " ("
                + show(type, value)
                + ") does not fit 32 bits");
      }
    }
    return ints;
  }

  /** The floating-point numbers of the array at {@code key}; a FLOAT64 is rounded. */
  public float[] floats(String key) {
    GgufValue.Array array = array(key, "an array of floating-point numbers");
    GgufValueType type = array.elementType();
    if (!type.isReal()) {
      throw wrongType(key, "an array of floating-point numbers", array);
    }
    if (type == GgufValueType.FLOAT32) {
      return open(array).toArray(GgufCursor.FLOAT);
    }
    ByteBuffer bytes = littleEndian(open(array));
    float[] floats = new float[array.count()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) real(type, bytes, i * type.minBytes());
    }
    return floats;
  }

  /**
   * The type of the value at {@code key}, for people: {@code "UINT32"}, {@code "array of STRING"}.
   */
  public String typeName(String key) {
    return value(key, "a value").typeName();
  }

  /** Any value, for people: on one line, long strings and arrays cut short. */
  public String display(String key) {
    return switch (value(key, "a value")) {
      case GgufValue.Scalar(GgufValueType type, Object value) -> show(type, value);
      case GgufValue.Array array -> show(array);
    };
  }

  /** The value of a type of fixed width: Long, Double or Boolean. */
  static Object scalar(GgufValueType type, MemorySegment bytes) {
    return scalar(type, littleEndian(bytes), 0);
  }

  private static Object scalar(GgufValueType type, ByteBuffer bytes, int at) {
    if (type == GgufValueType.BOOL) {
      return bytes.get(at) != 0;
    }
    return type.isReal() ? (Object) real(type, bytes, at) : (Object) integer(type, bytes, at);
  }

  /** As a buffer it is read sooner than as a segment, which takes some setting up. */
  private static ByteBuffer littleEndian(MemorySegment bytes) {
    return bytes.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long integer(GgufValueType type, ByteBuffer bytes, int at) {
    return switch (type) {
      case UINT8 -> Byte.toUnsignedLong(bytes.get(at));
      case INT8 -> bytes.get(at);
      case UINT16 -> Short.toUnsignedLong(bytes.getShort(at));
      case INT16 -> bytes.getShort(at);
      case UINT32 -> Integer.toUnsignedLong(bytes.getInt(at));
      case INT32 -> bytes.getInt(at);
      case UINT64, INT64 -> bytes.getLong(at);
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY ->
          throw new IllegalArgumentException(type + " is no whole number");
    };
  }

  private static double real(GgufValueType type, ByteBuffer bytes, int at) {
    return type == GgufValueType.FLOAT32 ? bytes.getFloat(at) : bytes.getDouble(at);
  }

  private static String show(GgufValueType type, Object value) {
    return switch (type) {
      case UINT64 -> Long.toUnsignedString((Long) value);
      case FLOAT32 -> Float.toString(((Double) value).floatValue());
      case STRING -> shown((String) value);
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, INT64, FLOAT64, BOOL, ARRAY ->
          value.toString();
    };
  }

  private static String shown(String text) {
    String cut =
        text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "...";
    return cut.replace("\n", "\\n").replace("\t", "\\t").replaceAll("\\p{Cc}", "?");
  }

  private String show(GgufValue.Array array) {
    MemorySegment bytes = open(array);
    StringJoiner shown = new StringJoiner(", ", "[", "]");
    long at = 0;
    for (int i = 0; i < Math.min(array.count(), SHOWN_ELEMENTS); i++) {
      GgufValueType type = array.elementType();
      if (type == GgufValueType.STRING) {
        long length = bytes.get(GgufCursor.LONG, at);
        shown.add(quoted(GgufCursor.text(bytes, at + Long.BYTES, length)));
        at += length;
      } else {
        shown.add(show(type, scalar(type, bytes.asSlice(at, type.minBytes()))));
      }
      at += type.minBytes();
    }
    if (array.count() > SHOWN_ELEMENTS) {
      shown.add("... " + array.count() + " in all");
    }
    return shown.toString();
  }

  private MemorySegment open(GgufValue.Array array) {
    if (!array.bytes().scope().isAlive()) {
      throw new IllegalStateException(
          file + ": the file is closed; read its metadata before closing it");
    }
    return array.bytes();
  }

  private @Nullable GgufValueType typeOf(String key) {
    return values.get(key) instanceof GgufValue.Scalar scalar ? scalar.type() : null;
  }

  private Object scalar(String key, boolean rightType, String wanted) {
    GgufValue value = value(key, wanted);
    if (value instanceof GgufValue.Scalar scalar && rightType) {
      return scalar.value();
    }
    throw wrongType(key, wanted, value);
  }

  private GgufValue.Array array(String key, String wanted) {
    GgufValue value = value(key, wanted);
    if (value instanceof GgufValue.Array array) {
      return array;
    }
    throw wrongType(key, wanted, value);
  }

  private GgufValue value(String key, String wanted) {
    GgufValue value = values.get(key);
    if (value == null) {
      throw new GgufException(
          file
              + ": metadata "
              + quoted(key)
              + " is missing (wanted "
              + wanted
              + "); convert the model again");
    }
    return value;
  }

  private GgufException wrongType(String key, String wanted, GgufValue found) {
    return new GgufException(
        file
            + ": metadata "
            + quoted(key)
            + ": wanted "
            + wanted
            + ", found "
            + found.typeName()
            + "; convert the model again");
  }
}
