package dev.baton.kernel;

import dev.baton.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Each operation on seeded inputs, run on any backend in calls of {@code chunk} tokens. The answer
 * is all that it wrote, as bytes: equal answers mean equal bits. Quantised rows, opaque as they
 * are, are seen through the product with a probe matrix.
 */
final class OperationCases {
  private static final int PROBE_ROWS = 3;
  private static final int LAYER = 1;

  private OperationCases() {}

  static byte[] rmsNorm(Kernels kernels, int cols, int tokens, int chunk) {
    return rmsNorm(kernels, cols, tokens, chunk, kinds(cols));
  }

  static byte[] rmsNorm(
      Kernels kernels, int cols, int tokens, int chunk, Set<ActivationKind> kinds) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(cols, arena);
      MemorySegment x = random.floats((long) (tokens + 1) * cols);
      MemorySegment weight = random.floats(cols);
      Activations out = kernels.activations(chunk, cols, kinds, arena);
      Answer answer = new Answer(arena, kernels, random, cols, tokens, kinds);
      for (int t = 0; t < tokens; t += chunk) {
        int run = Math.min(chunk, tokens - t);
        kernels.rmsNorm(x, t + 1, weight, 1e-5f, run, out);
        answer.take(out, t, run);
      }
      return answer.bytes();
    }
  }

  static byte[] swiglu(Kernels kernels, int cols, int tokens, int chunk) {
    return swiglu(kernels, cols, tokens, chunk, kinds(cols));
  }

  static byte[] swiglu(
      Kernels kernels, int cols, int tokens, int chunk, Set<ActivationKind> kinds) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(cols, arena);
      MemorySegment gate = random.floats((long) tokens * cols);
      MemorySegment up = random.floats((long) tokens * cols);
      Activations out = kernels.activations(chunk, cols, kinds, arena);
      Answer answer = new Answer(arena, kernels, random, cols, tokens, kinds);
      long rowBytes = (long) cols * Float.BYTES;
      for (int t = 0; t < tokens; t += chunk) {
        int run = Math.min(chunk, tokens - t);
        kernels.swiglu(gate.asSlice(t * rowBytes), up.asSlice(t * rowBytes), run, out);
        answer.take(out, t, run);
      }
      return answer.bytes();
    }
  }

  /** Some runs hold what is no number, some nothing but zeros of both signs or -infinity. */
  static byte[] maxima(Kernels kernels, int cols, int rows) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = new RandomTensors(cols, arena).floats((long) rows * cols);
      SplittableRandom random = new SplittableRandom(cols);
      float[] odd = {
        Float.NaN, -Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f, 0f
      };
      for (long run = 0; run < (long) rows * cols / Kernels.MAXIMA_RUN; run++) {
        long from = run * Kernels.MAXIMA_RUN;
        float value = odd[random.nextInt(odd.length)];
        switch (random.nextInt(4)) {
          case 0 -> x.asSlice(from * Float.BYTES, 4L * Kernels.MAXIMA_RUN).fill((byte) 0);
          case 1 -> fill(x, from, value);
          default -> {
            // As it is.
          }
        }
        long at = from + random.nextInt(Kernels.MAXIMA_RUN);
        x.setAtIndex(ValueLayout.JAVA_FLOAT, at, odd[random.nextInt(odd.length)]);
      }
      MemorySegment out = arena.allocate((long) rows * Kernels.maximaOf(cols) * Float.BYTES);
      kernels.maxima(x, rows, cols, out);
      return out.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static void fill(MemorySegment x, long from, float value) {
    for (long i = from; i < from + Kernels.MAXIMA_RUN; i++) {
      x.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
  }

  static byte[] rope(
      Kernels kernels,
      int heads,
      int headDim,
      int pairs,
      int firstPosition,
      int tokens,
      int chunk) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x =
          new RandomTensors(headDim, arena).floats((long) (tokens + 2) * heads * headDim);
      double[] frequencies = new double[pairs];
      for (int i = 0; i < pairs; i++) {
        frequencies[i] = StrictMath.pow(10000, -2.0 * i / headDim);
      }
      RopeTable table = new RopeTable(firstPosition + tokens, frequencies, arena);
      KvView kv =
          new RandomTensors(1, arena).cache(new KvGeometry(1, 1, 1), firstPosition + tokens);
      RowRuns rows = new RowRuns(1, arena);
      for (int t = 0; t < tokens; t += chunk) {
        rows.clear().add(kv, t + 1, Math.min(chunk, tokens - t), firstPosition + t);
        kernels.rope(x, rows, heads, headDim, table);
      }
      return x.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static byte[] storeKv(
      Kernels kernels, KvGeometry geometry, int firstToken, int tokens, int chunk) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(geometry.headDim(), arena);
      KvView kv = random.cache(geometry, firstToken + tokens);
      long cols = (long) geometry.kvHeads() * geometry.headDim();
      MemorySegment k = random.floats((tokens + 1) * cols);
      MemorySegment v = random.floats((tokens + 1) * cols);
      // what an f16 cannot hold, what rounds up to it, ties, denormals, and what is no number
      float[] odd = {
        1e30f,
        -1e30f,
        65504f,
        65519.996f,
        65520f,
        1f + 0x1p-11f,
        1f + 3 * 0x1p-11f,
        0x1p-24f,
        0x1p-25f,
        0x1.8p-25f,
        -0f,
        Float.NaN,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        0x1.ffcp-15f,
        0x1.ffep-15f
      };
      for (int i = 0; i < Math.min(odd.length, cols); i++) {
        k.setAtIndex(ValueLayout.JAVA_FLOAT, cols + i, odd[i]);
        v.setAtIndex(ValueLayout.JAVA_FLOAT, cols + i, odd[i]);
      }
      AttentionLayer layer = layer(geometry, geometry.kvHeads(), arena);
      RowRuns rows = new RowRuns(1, arena);
      for (int t = 0; t < tokens; t += chunk) {
        rows.clear().add(kv, t + 1, Math.min(chunk, tokens - t), firstToken + t);
        kernels.storeKv(rows, layer, k, v);
      }
      return kv.pool().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static byte[] attention(
      Kernels kernels, KvGeometry geometry, int group, int firstToken, int tokens, int chunk) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(geometry.headDim() * 31L + group, arena);
      int heads = group * geometry.kvHeads();
      int cols = heads * geometry.headDim();
      KvView kv = random.cache(geometry, firstToken + tokens);
      MemorySegment q = random.floats((long) (tokens + 1) * cols);
      AttentionLayer layer = layer(geometry, heads, arena);
      RowRuns rows = new RowRuns(1, arena);
      Activations out = kernels.activations(tokens + 1, cols, kinds(cols), arena);
      out.f32().fill((byte) 0x55);
      for (int t = 0; t < tokens; t += chunk) {
        rows.clear().add(kv, t + 1, Math.min(chunk, tokens - t), firstToken + t);
        kernels.attention(rows, layer, q, out);
      }
      kernels.quantize(out, 1); // row 0 belongs to nobody
      Answer answer = new Answer(arena, kernels, random, cols, tokens + 1, kinds(cols));
      answer.take(out, 0, tokens + 1);
      return answer.bytes();
    }
  }

  static AttentionLayer layer(KvGeometry geometry, int heads, Arena arena) {
    int dim = geometry.headDim();
    float scale = (float) (1 / Math.sqrt(dim));
    AttentionShape shape = new AttentionShape(heads, geometry.kvHeads(), dim, dim, scale);
    return new AttentionLayer(shape, geometry, LAYER, arena);
  }

  /**
   * Export of a run of tokens to {@code offset}, then import of it into another cache, with a wrong
   * and with the right digest; all as bytes.
   */
  static byte[] copyKv(
      Kernels kernels,
      KvGeometry geometry,
      int firstToken,
      int tokens,
      KvWireType type,
      int offset) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(geometry.headDim(), arena);
      KvView from = random.cache(geometry, firstToken + tokens);
      KvView to = random.cache(geometry, firstToken + tokens);
      putOddValues(from, firstToken);
      int tokenBytes = type.tokenBytes(geometry);
      MemorySegment wire = arena.allocate(offset + (long) tokens * tokenBytes + 5);
      long digest = kernels.exportKv(from, LAYER, firstToken, tokens, type, wire, offset);
      if (kernels.importKv(to, LAYER, firstToken, tokens, type, wire, offset, digest + 1)) {
        throw new AssertionError("KV was taken in spite of its digest");
      }
      byte[] untouched = to.pool().toArray(ValueLayout.JAVA_BYTE);
      if (!kernels.importKv(to, LAYER, firstToken, tokens, type, wire, offset, digest)) {
        throw new AssertionError("KV was refused in spite of its digest");
      }
      ByteBuffer answer =
          ByteBuffer.allocate((int) (8 + wire.byteSize() + 2 * to.pool().byteSize()));
      answer.putLong(digest).put(wire.asByteBuffer());
      return answer.put(untouched).put(to.pool().asByteBuffer()).array();
    }
  }

  /**
   * What no store leaves in a cache, but a peer may: not finite, or all too small, in one token.
   */
  private static void putOddValues(KvView kv, int token) {
    int[] odd = {0x7e01, 0xfc00, 0x7c00, 0x7bff, 0x8001, 0x0001, 0x03ff, 0x8000, 0x0400, 0xfdff};
    int dim = kv.geometry().headDim();
    long keys = ReferenceKv.keyPlane(kv, LAYER, 0, token);
    for (int d = 0; d < dim; d++) {
      long key = keys + 2L * (KvGeometry.BLOCK_TOKENS * d + token % KvGeometry.BLOCK_TOKENS);
      long value =
          keys + kv.geometry().planeBytes() + 2L * (token % KvGeometry.BLOCK_TOKENS * dim + d);
      kv.pool().set(ValueLayout.JAVA_SHORT, key, (short) (d % 32 < 10 ? odd[d % 32] : d));
      kv.pool().set(ValueLayout.JAVA_SHORT, value, (short) (d % 16 + 1)); // a scale of 0 or 2^-24
    }
  }

  /** Import of random bytes; what became of them. */
  static byte[] importAnyBytes(
      Kernels kernels, KvGeometry geometry, int firstToken, int tokens, KvWireType type) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(geometry.headDim(), arena);
      KvView kv = random.cache(geometry, firstToken + tokens);
      int tokenBytes = type.tokenBytes(geometry);
      MemorySegment wire = random.bytes(1 + (long) tokens * tokenBytes);
      long digest = RowDigest.ofSlice(LAYER, firstToken, tokens, tokenBytes / 2, wire, 1);
      if (!kernels.importKv(kv, LAYER, firstToken, tokens, type, wire, 1, digest)) {
        throw new AssertionError("KV was refused in spite of its digest");
      }
      return kv.pool().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static byte[] matmul(
      Kernels kernels,
      GgmlType type,
      int rows,
      int cols,
      int tokens,
      int chunk,
      boolean accumulate) {
    try (Arena arena = Arena.ofConfined()) {
      RandomTensors random = new RandomTensors(rows * 1000L + cols, arena);
      PackedMatrix w = kernels.pack(type, random.weights(type, rows, cols), rows, cols, arena);
      MemorySegment x = random.floats((long) tokens * cols);
      MemorySegment out = random.floats((long) tokens * rows);
      Activations in = kernels.activations(chunk, cols, EnumSet.of(ActivationKind.of(type)), arena);
      for (int t = 0; t < tokens; t += chunk) {
        int run = Math.min(chunk, tokens - t);
        MemorySegment.copy(x, (long) t * cols * 4, in.f32(), 0, (long) run * cols * 4);
        kernels.quantize(in, run);
        kernels.matmul(w, in, run, out.asSlice((long) t * rows * 4), accumulate);
      }
      return out.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static Set<ActivationKind> kinds(int cols) {
    Set<ActivationKind> kinds = EnumSet.of(ActivationKind.F32);
    if (cols % 32 == 0) {
      kinds.add(ActivationKind.Q8_32);
    }
    if (cols % 256 == 0) {
      kinds.add(ActivationKind.Q8_256);
    }
    return kinds;
  }

  /** Gathers activation rows and what their quantised forms multiply to. */
  static final class Answer {
    private final Kernels kernels;
    private final int cols;
    private final boolean seesFloats;
    private final PackedMatrix[] probes;
    private final MemorySegment bytes;
    private final MemorySegment product;
    private final long rowBytes;

    /**
     * @param kinds what {@code out} holds, and so what is seen of it
     */
    Answer(
        Arena arena,
        Kernels kernels,
        RandomTensors random,
        int cols,
        int tokens,
        Set<ActivationKind> kinds) {
      this.kernels = kernels;
      this.cols = cols;
      this.seesFloats = kinds.contains(ActivationKind.F32);
      this.probes =
          EnumSet.of(GgmlType.Q8_0, GgmlType.Q6_K).stream()
              .filter(type -> kinds.contains(ActivationKind.of(type)))
              .map(type ->
                  kernels.pack(
                      type, random.weights(type, PROBE_ROWS, cols), PROBE_ROWS, cols, arena))
              .toArray(PackedMatrix[]::new);
      this.rowBytes = 4L * (cols + (long) PROBE_ROWS * probes.length);
      this.bytes = arena.allocate(tokens * rowBytes);
      this.product = arena.allocate(4L * tokens * PROBE_ROWS);
    }

    void take(Activations out, int firstToken, int tokens) {
      for (int p = 0; p < probes.length; p++) {
        kernels.matmul(probes[p], out, tokens, product, false);
        for (int t = 0; t < tokens; t++) {
          long at = (firstToken + t) * rowBytes + 4L * (cols + (long) p * PROBE_ROWS);
          MemorySegment.copy(product, 4L * t * PROBE_ROWS, bytes, at, 4L * PROBE_ROWS);
        }
      }
      for (int t = 0; seesFloats && t < tokens; t++) {
        MemorySegment.copy(out.f32(), 4L * t * cols, bytes, (firstToken + t) * rowBytes, 4L * cols);
      }
    }

    byte[] bytes() {
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
