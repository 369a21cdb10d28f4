package dev.baton.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The oracle against naive arithmetic in double, and against itself in other chunks. */
class ReferenceKernelsTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private static final Kernels KERNELS = new ReferenceKernels();

  private final Arena arena = Arena.ofAuto();
  private final RandomTensors random = new RandomTensors(11, arena);

  @ParameterizedTest
  @EnumSource
  void shouldMultiplyLikeDequantisedMatrices(GgmlType type) {
    int rows = 5;
    int cols = 768;
    int tokens = 3;
    MemorySegment raw = random.weights(type, rows, cols);
    PackedMatrix w = KERNELS.pack(type, raw, rows, cols, arena);
    ActivationKind kind = ActivationKind.of(type);
    Activations x = KERNELS.activations(tokens, cols, EnumSet.of(kind), arena);
    x.f32().copyFrom(random.floats((long) tokens * cols));
    KERNELS.quantize(x, tokens);
    MemorySegment out = random.floats((long) tokens * rows);
    MemorySegment before = arena.allocate(out.byteSize()).copyFrom(out);
    KERNELS.matmul(w, x, tokens, out, true);
    for (int t = 0; t < tokens; t++) {
      for (int r = 0; r < rows; r++) {
        double sum = before.getAtIndex(FLOAT, t * rows + r);
        double magnitude = Math.abs(sum);
        for (int k = 0; k < cols; k++) {
          long at = r * type.rowBytes(cols) + (long) k / type.blockElements() * type.blockBytes();
          double weight =
              DequantizerTest.element(
                  type, raw.asSlice(at, type.blockBytes()), k % type.blockElements());
          double term = weight * activation(x, kind, t, k);
          sum += term;
          magnitude += Math.abs(term);
        }
        assertEquals(
            sum,
            out.getAtIndex(FLOAT, t * rows + r),
            4e-6 * magnitude,
            type + " row " + r + " token " + t);
      }
    }
  }

  /** What the quantised row stands for, by the contract's rule and not by the stored bytes. */
  private static double activation(Activations x, ActivationKind kind, int token, int k) {
    float value = x.f32().getAtIndex(FLOAT, token * x.cols() + k);
    if (kind == ActivationKind.F32) {
      return value;
    }
    int size = kind == ActivationKind.Q8_32 ? 32 : 256;
    float amax = 0;
    for (int i = k / size * size; i < k / size * size + size; i++) {
      amax = Math.max(amax, Math.abs(x.f32().getAtIndex(FLOAT, token * x.cols() + i)));
    }
    return amax == 0 ? 0 : Math.rint(value * (127 / amax)) * (double) (amax / 127);
  }

  @ParameterizedTest
  @EnumSource
  void shouldGiveTheSameMatmulInAnyChunks(GgmlType type) {
    byte[] whole = OperationCases.matmul(KERNELS, type, 7, 512, 67, 67, true);
    for (int chunk : new int[] {1, 2, 7, 64}) {
      assertArrayEquals(
          whole,
          OperationCases.matmul(KERNELS, type, 7, 512, 67, chunk, true),
          "chunks of " + chunk);
    }
  }

  @Test
  void shouldCountVanishingAndZeroBlocksAsZeros() {
    Activations x = KERNELS.activations(1, 64, EnumSet.of(ActivationKind.Q8_32), arena);
    x.f32().setAtIndex(FLOAT, 3, Float.MIN_VALUE);
    x.f32().setAtIndex(FLOAT, 4, -0x1p-101f);
    KERNELS.quantize(x, 1);
    for (int i = 0; i < 64; i++) {
      assertEquals(0, x.form(ActivationKind.Q8_32).get(ValueLayout.JAVA_BYTE, i));
    }
  }

  @ParameterizedTest
  @CsvSource({"8,1,5,1", "64,3,0,70", "80,2,63,3", "128,4,130,2"})
  void shouldAttendLikeANaiveSoftmax(int headDim, int group, int firstToken, int tokens) {
    KvGeometry geometry = new KvGeometry(2, 2, headDim);
    KvView kv = random.cache(geometry, firstToken + tokens);
    int heads = 2 * group;
    MemorySegment q = random.floats((long) tokens * heads * headDim);
    Activations out =
        KERNELS.activations(tokens, heads * headDim, EnumSet.of(ActivationKind.F32), arena);
    float scale = 0.2f;
    AttentionLayer layer =
        new AttentionLayer(
            new AttentionShape(heads, 2, headDim, headDim, scale), geometry, 1, arena);
    KERNELS.attention(rows(kv, 0, tokens, firstToken), layer, q, out);
    for (int t = 0; t < tokens; t++) {
      for (int h = 0; h < heads; h++) {
        double[] expected = new double[headDim];
        double sum = 0;
        for (int key = 0; key <= firstToken + t; key++) {
          double dot = 0;
          for (int d = 0; d < headDim; d++) {
            dot +=
                (double) q.getAtIndex(FLOAT, (long) (t * heads + h) * headDim + d)
                    * cached(kv, h / group, key, d, false);
          }
          double p = Math.exp(dot * scale);
          sum += p;
          for (int d = 0; d < headDim; d++) {
            expected[d] += p * cached(kv, h / group, key, d, true);
          }
        }
        for (int d = 0; d < headDim; d++) {
          float got = out.f32().getAtIndex(FLOAT, (long) (t * heads + h) * headDim + d);
          assertEquals(expected[d] / sum, got, 1e-5, "token " + t + " head " + h + " dim " + d);
        }
      }
    }
  }

  /** One number of layer 1 of the cache, found by the layout's description. */
  private static double cached(KvView kv, int head, int token, int d, boolean value) {
    int dim = kv.geometry().headDim();
    long plane = 64L * dim;
    long block = kv.blockTable().getAtIndex(ValueLayout.JAVA_INT, token / 64);
    long at = ((block * kv.geometry().layers() + 1) * kv.geometry().kvHeads() + head) * 2 * plane;
    at += value ? plane + token % 64 * (long) dim + d : d * 64L + token % 64;
    return Float.float16ToFloat(kv.pool().getAtIndex(ValueLayout.JAVA_SHORT, at));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 64, 80})
  void shouldGiveTheSameAttentionInAnyChunks(int headDim) {
    KvGeometry geometry = new KvGeometry(2, 2, headDim);
    byte[] whole = OperationCases.attention(KERNELS, geometry, 2, 61, 130, 130);
    for (int chunk : new int[] {1, 2, 7, 64}) {
      assertArrayEquals(
          whole,
          OperationCases.attention(KERNELS, geometry, 2, 61, 130, chunk),
          "chunks of " + chunk);
    }
  }

  @Test
  void shouldNotSeeWhatStandsBehindAQuery() {
    KvGeometry geometry = new KvGeometry(2, 1, 16);
    KvView kv = random.cache(geometry, 64);
    MemorySegment q = random.floats(2 * 16);
    Activations out = KERNELS.activations(1, 32, EnumSet.of(ActivationKind.F32), arena);
    AttentionLayer layer = OperationCases.layer(geometry, 2, arena);
    RowRuns rows = rows(kv, 0, 1, 37);
    KERNELS.attention(rows, layer, q, out);
    byte[] stale = out.f32().toArray(ValueLayout.JAVA_BYTE);
    MemorySegment wire = arena.allocate(26L * geometry.tokenBytes());
    importF16(kv, 1, 38, 26, wire, 0);
    KERNELS.attention(rows, layer, q, out);
    assertArrayEquals(stale, out.f32().toArray(ValueLayout.JAVA_BYTE), "zeros behind the query");
    importF16(kv, 1, 37, 1, wire, 0);
    KERNELS.attention(rows, layer, q, out);
    assertNotEquals(
        MemorySegment.ofArray(stale).get(ValueLayout.JAVA_INT_UNALIGNED, 0),
        out.f32().get(ValueLayout.JAVA_INT, 0));
  }

  @Test
  void shouldNormaliseRotateAndGateLikeTheirFormulas() {
    int cols = 37;
    MemorySegment x = random.floats(3L * cols);
    MemorySegment weight = random.floats(cols);
    Activations out = KERNELS.activations(2, cols, EnumSet.of(ActivationKind.F32), arena);
    KERNELS.rmsNorm(x, 1, weight, 1e-5f, 2, out);
    for (int t = 0; t < 2; t++) {
      double squares = 0;
      for (int i = 0; i < cols; i++) {
        squares += Math.pow(x.getAtIndex(FLOAT, (t + 1) * cols + i), 2);
      }
      for (int i = 0; i < cols; i++) {
        double exact =
            x.getAtIndex(FLOAT, (t + 1) * cols + i)
                / Math.sqrt(squares / cols + 1e-5)
                * weight.getAtIndex(FLOAT, i);
        assertEquals(
            exact, out.f32().getAtIndex(FLOAT, (long) t * cols + i), 1e-6 * Math.abs(exact));
      }
    }

    KERNELS.swiglu(x.asSlice(0), x.asSlice(4L * cols), 2, out);
    for (int i = 0; i < 2 * cols; i++) {
      double gate = x.getAtIndex(FLOAT, i);
      double exact = gate / (1 + Math.exp(-gate)) * x.getAtIndex(FLOAT, cols + i);
      assertEquals(exact, out.f32().getAtIndex(FLOAT, i), 1e-6 * Math.abs(exact) + 1e-30);
    }

    MemorySegment heads = random.floats(2 * 6);
    MemorySegment before = arena.allocate(heads.byteSize()).copyFrom(heads);
    RowRuns rows = rows(random.cache(new KvGeometry(1, 1, 6), 8), 0, 1, 7);
    KERNELS.rope(heads, rows, 2, 6, new RopeTable(10, new double[] {1, 0.1}, arena));
    for (int at : new int[] {0, 2, 6, 8}) {
      double angle = at % 6 == 0 ? 7 : 0.7;
      double a = before.getAtIndex(FLOAT, at);
      double b = before.getAtIndex(FLOAT, at + 1);
      assertEquals(a * Math.cos(angle) - b * Math.sin(angle), heads.getAtIndex(FLOAT, at), 1e-5);
      assertEquals(
          a * Math.sin(angle) + b * Math.cos(angle), heads.getAtIndex(FLOAT, at + 1), 1e-5);
    }
    assertEquals(
        before.getAtIndex(FLOAT, 4), heads.getAtIndex(FLOAT, 4), "a pair past the table stays");
    assertEquals(
        before.getAtIndex(FLOAT, 11), heads.getAtIndex(FLOAT, 11), "a pair past the table stays");
  }

  private static void importF16(
      KvView kv, int layer, int firstToken, int tokens, MemorySegment wire, long offset) {
    int rowBytes = kv.geometry().tokenBytes() / 2;
    long digest = RowDigest.ofSlice(layer, firstToken, tokens, rowBytes, wire, offset);
    assertTrue(
        KERNELS.importKv(kv, layer, firstToken, tokens, KvWireType.F16, wire, offset, digest));
  }

  @ParameterizedTest
  @CsvSource({"0,1,0", "5,130,1", "63,2,3", "64,64,7", "127,1,2"})
  void shouldBringBackWhatItExportedAtAnyOffset(int firstToken, int tokens, int offset) {
    KvGeometry geometry = new KvGeometry(2, 3, 10);
    KvView from = random.cache(geometry, firstToken + tokens);
    KvView to = random.cache(geometry, firstToken + tokens);
    int row = 3 * 10;
    MemorySegment wire = arena.allocate(offset + (long) tokens * geometry.tokenBytes() + 9);
    KERNELS.exportKv(from, 1, firstToken, tokens, KvWireType.F16, wire, offset);
    for (int t = 0; t < tokens; t++) {
      for (int i = 0; i < row; i++) {
        short k = wire.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 2L * (t * row + i));
        short v =
            wire.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 2L * ((tokens + t) * row + i));
        assertEquals(cached(from, i / 10, firstToken + t, i % 10, false), Float.float16ToFloat(k));
        assertEquals(cached(from, i / 10, firstToken + t, i % 10, true), Float.float16ToFloat(v));
      }
    }
    importF16(to, 1, firstToken, tokens, wire, offset);
    MemorySegment again = arena.allocate(wire.byteSize());
    KERNELS.exportKv(to, 1, firstToken, tokens, KvWireType.F16, again, offset);
    assertEquals(-1, wire.mismatch(again));
  }

  @Test
  void shouldKeepEachValueWithinHalfAStepOfItsRunInQ8() {
    KvGeometry geometry = new KvGeometry(2, 2, 64);
    KvView from = random.cache(geometry, 70);
    KvView to = random.cache(geometry, 70);
    MemorySegment wire = arena.allocate(70L * KvWireType.Q8.tokenBytes(geometry));
    assertEquals(70 * 2 * 2 * 2 * 34, wire.byteSize());
    long digest = KERNELS.exportKv(from, 1, 0, 70, KvWireType.Q8, wire, 0);
    assertTrue(KERNELS.importKv(to, 1, 0, 70, KvWireType.Q8, wire, 0, digest));
    for (int token = 0; token < 70; token++) {
      for (int d = 0; d < 64; d++) {
        double amax = 0;
        for (int i = d / 32 * 32; i < d / 32 * 32 + 32; i++) {
          amax = Math.max(amax, Math.abs(cached(from, 1, token, i, false)));
        }
        double exact = cached(from, 1, token, d, false);
        assertEquals(exact, cached(to, 1, token, d, false), amax / 127 * 0.6 + 0x1p-24);
      }
    }
  }

  @Test
  void shouldWriteAQ8RunAsTheReadmeSays() {
    KvView kv = random.cache(new KvGeometry(1, 1, 32), 1);
    for (int d = 0; d < 32; d++) {
      short bits = Float.floatToFloat16(d == 5 ? -254f : d - 0.5f);
      kv.pool().set(ValueLayout.JAVA_SHORT, ReferenceKv.keyPlane(kv, 0, 0, 0) + 128L * d, bits);
    }
    MemorySegment wire = arena.allocate(68);
    KERNELS.exportKv(kv, 0, 0, 1, KvWireType.Q8, wire, 0);
    assertEquals(2f, Float.float16ToFloat(wire.get(ValueLayout.JAVA_SHORT, 0)));
    for (int d = 0; d < 32; d++) {
      int q = d == 5 ? -127 : (int) Math.rint((d - 0.5) / 2);
      assertEquals(q, wire.get(ValueLayout.JAVA_BYTE, 2 + d), "value " + d);
    }
  }

  @Test
  void shouldStoreTheSameCacheInAnyChunks() {
    KvGeometry geometry = new KvGeometry(2, 2, 16);
    byte[] whole = OperationCases.storeKv(KERNELS, geometry, 60, 70, 70);
    for (int chunk : new int[] {1, 7, 64}) {
      assertArrayEquals(whole, OperationCases.storeKv(KERNELS, geometry, 60, 70, chunk));
    }
  }

  @Test
  void shouldRefuseWhatDoesNotFit() {
    KvGeometry geometry = new KvGeometry(2, 2, 8);
    KvView kv = random.cache(geometry, 64);
    Activations x = KERNELS.activations(2, 32, EnumSet.of(ActivationKind.Q8_32), arena);
    MemorySegment two = random.floats(2 * 32);
    PackedMatrix w =
        KERNELS.pack(GgmlType.Q8_0, random.weights(GgmlType.Q8_0, 32, 32), 32, 32, arena);
    PackedMatrix wide =
        KERNELS.pack(GgmlType.Q8_0, random.weights(GgmlType.Q8_0, 32, 64), 32, 64, arena);

    assertThrows(
        IllegalArgumentException.class, () -> KERNELS.pack(GgmlType.Q8_0, w.data(), 33, 32, arena));
    assertThrows(
        IllegalArgumentException.class,
        () -> KERNELS.activations(1, 33, EnumSet.of(ActivationKind.Q8_32), arena));
    assertThrows(IllegalArgumentException.class, () -> KERNELS.matmul(wide, x, 1, two, false));
    assertThrows(IndexOutOfBoundsException.class, () -> KERNELS.matmul(w, x, 3, two, false));
    assertThrows(IndexOutOfBoundsException.class, () -> KERNELS.matmul(w, x, -1, two, false));
    assertThrows(IndexOutOfBoundsException.class, () -> KERNELS.rmsNorm(two, 1, two, 0f, 2, x));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> KERNELS.importKv(kv, 0, 0, 5, KvWireType.F16, two, 1, 0));
    assertThrows(
        IllegalArgumentException.class, () -> KERNELS.exportKv(kv, 0, 0, 1, KvWireType.Q8, two, 0));
    kv.blockTable().setAtIndex(ValueLayout.JAVA_INT, 0, 3);
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> KERNELS.exportKv(kv, 0, 0, 1, KvWireType.F16, two, 0));
  }

  @Test
  void shouldRefuseRowsThatDoNotFit() {
    KvGeometry geometry = new KvGeometry(2, 2, 8);
    KvView kv = random.cache(geometry, 64);
    Activations x = KERNELS.activations(2, 32, EnumSet.of(ActivationKind.Q8_32), arena);
    MemorySegment two = random.floats(2 * 32);
    AttentionLayer layer = OperationCases.layer(geometry, 4, arena);
    RowRuns rows = rows(kv, 0, 1, 62);
    RowRuns far = rows(kv, 2, 1, 62);
    RowRuns many = rows(kv, 0, 5, 0);

    AttentionLayer narrow = OperationCases.layer(geometry, 2, arena);
    AttentionLayer deep = OperationCases.layer(new KvGeometry(3, 2, 8), 4, arena);
    refusesShape(() -> KERNELS.attention(rows, narrow, two, x));
    refusesShape(() -> KERNELS.attention(rows, deep, two, x));
    refusesShape(() -> KERNELS.storeKv(rows, deep, two, two));
    refusesRows(() -> KERNELS.attention(far, layer, random.floats(96), x));
    refusesRows(() -> KERNELS.attention(rows(kv, 1, 1, 62), layer, random.floats(32), x));
    refusesRows(() -> KERNELS.storeKv(many, layer, two, random.floats(80)));
    refusesRows(() -> KERNELS.storeKv(many, layer, random.floats(80), two));

    RopeTable table = new RopeTable(62, new double[4], arena);
    refusesRows(() -> KERNELS.rope(two, rows, 4, 8, table));
    refusesRows(() -> KERNELS.rope(two, many, 4, 8, table));
    refusesShape(() -> KERNELS.rope(two, rows, 8, 6, table));
  }

  private static void refusesShape(Executable call) {
    assertThrows(IllegalArgumentException.class, call);
  }

  private static void refusesRows(Executable call) {
    assertThrows(IndexOutOfBoundsException.class, call);
  }

  private RowRuns rows(KvView kv, int firstRow, int tokens, int firstPosition) {
    return new RowRuns(1, arena).add(kv, firstRow, tokens, firstPosition);
  }

  @Test
  void shouldDoNothingForNoTokens() {
    KvView kv = random.cache(new KvGeometry(1, 1, 8), 1);
    Activations x = KERNELS.activations(1, 8, EnumSet.of(ActivationKind.F32), arena);
    x.f32().fill((byte) 7);
    MemorySegment none = arena.allocate(0);
    KERNELS.rmsNorm(none, 0, random.floats(8), 0f, 0, x);
    KERNELS.swiglu(none, none, 0, x);
    AttentionShape shape = new AttentionShape(1, 1, 8, 8, 1f);
    AttentionLayer layer = new AttentionLayer(shape, kv.geometry(), 0, arena);
    RowRuns rows = rows(kv, 5, 0, 0);
    KERNELS.rope(none, rows, 1, 8, new RopeTable(1, new double[4], arena));
    KERNELS.storeKv(rows, layer, none, none);
    KERNELS.attention(rows, layer, none, x);
    assertEquals(0, KERNELS.exportKv(kv, 0, 0, 0, KvWireType.F16, none, 0));
    assertTrue(KERNELS.importKv(kv, 0, 0, 0, KvWireType.F16, none, 0, 0));
    assertEquals(7, x.f32().get(ValueLayout.JAVA_BYTE, 31));
  }
}
