package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DequantizerTest {
  private static final int BLOCKS = 7;

  @ParameterizedTest
  @EnumSource
  void shouldGiveTheValueThatTheBlockLayoutDefines(GgmlType type) {
    try (Arena arena = Arena.ofConfined()) {
      int elements = BLOCKS * type.blockElements();
      MemorySegment raw = new RandomTensors(5, arena).weights(type, 2, elements);
      MemorySegment out = arena.allocate(4L * elements + 4);
      new Dequantizer().row(type, raw, type.rowBytes(elements), elements, out, 4);
      for (int i = 0; i < elements; i++) {
        long block = type.rowBytes(elements) + (long) i / type.blockElements() * type.blockBytes();
        MemorySegment bytes = raw.asSlice(block, type.blockBytes());
        double exact = element(type, bytes, i % type.blockElements());
        float got = out.getAtIndex(ValueLayout.JAVA_FLOAT, i + 1);
        assertEquals(exact, got, Math.ulp((float) exact), type + " element " + i);
      }
      assertEquals(0f, out.get(ValueLayout.JAVA_FLOAT, 0));
    }
  }

  @Test
  void shouldRefuseARowThatEndsInsideABlockOrOutsideItsTensor() {
    MemorySegment raw = MemorySegment.ofArray(new byte[36]);
    MemorySegment out = MemorySegment.ofArray(new float[64]);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Dequantizer().row(GgmlType.Q4_0, raw, 0, 33, out, 0));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> new Dequantizer().row(GgmlType.Q4_0, raw, 1, 64, out, 0));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> new Dequantizer().row(GgmlType.Q4_0, raw, 0, 64, out, 4));
  }

  /** Element {@code i} of a block, looked up on its own by the published layout. */
  static double element(GgmlType type, MemorySegment b, int i) {
    return switch (type) {
      case F32 -> b.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0);
      case F16 -> f16(b, 0);
      case BF16 -> Float.intBitsToFloat(u16(b, 0) << 16);
      case Q4_0 -> f16(b, 0) * (nibble(b, 2 + i % 16, i / 16) - 8);
      case Q4_1 -> f16(b, 0) * nibble(b, 4 + i % 16, i / 16) + f16(b, 2);
      case Q5_0 -> f16(b, 0) * (nibble(b, 6 + i % 16, i / 16) + 16 * bit(b, 2 + i / 8, i % 8) - 16);
      case Q5_1 ->
          f16(b, 0) * (nibble(b, 8 + i % 16, i / 16) + 16 * bit(b, 4 + i / 8, i % 8)) + f16(b, 2);
      case Q8_0 -> f16(b, 0) * b.get(ValueLayout.JAVA_BYTE, 2 + i);
      case Q4_K -> kValue(b, i / 32, nibble(b, 16 + 32 * (i / 64) + i % 32, i / 32 % 2));
      case Q5_K ->
          kValue(
              b,
              i / 32,
              nibble(b, 48 + 32 * (i / 64) + i % 32, i / 32 % 2)
                  + 16 * bit(b, 16 + i % 32, i / 32));
      case Q6_K -> {
        int half = i / 128;
        int quarter = i % 128 / 32;
        int low = nibble(b, 64 * half + 32 * (quarter % 2) + i % 32, quarter / 2);
        int high = u8(b, 128 + 32 * half + i % 32) >>> (2 * quarter) & 3;
        yield f16(b, 208) * b.get(ValueLayout.JAVA_BYTE, 192 + i / 16) * (low + 16 * high - 32);
      }
    };
  }

  private static double kValue(MemorySegment b, int j, int q) {
    int scale = j < 4 ? u8(b, 4 + j) & 63 : (u8(b, 8 + j) & 15) + 16 * (u8(b, j) >>> 6);
    int min = j < 4 ? u8(b, 8 + j) & 63 : (u8(b, 8 + j) >>> 4) + 16 * (u8(b, 4 + j) >>> 6);
    return f16(b, 0) * scale * q - f16(b, 2) * min;
  }

  private static int u8(MemorySegment b, int at) {
    return b.get(ValueLayout.JAVA_BYTE, at) & 255;
  }

  private static int u16(MemorySegment b, int at) {
    return u8(b, at) + 256 * u8(b, at + 1);
  }

  private static double f16(MemorySegment b, int at) {
    return Float.float16ToFloat((short) u16(b, at));
  }

  private static int nibble(MemorySegment b, int at, int which) {
    return u8(b, at) >>> (4 * which) & 15;
  }

  private static int bit(MemorySegment b, int at, int which) {
    return u8(b, at) >>> which & 1;
  }
}
