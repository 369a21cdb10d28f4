package dev.baton.kernel;

import static java.lang.foreign.MemorySegment.NULL;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Every function of {@code baton.h}, through its {@code bt_call}: a JVM takes 10 to 15 ms to link
 * each signature that it meets, and a model is to be ready sooner than twelve of them. Pointers are
 * segments, so that the arenas they live in cannot be closed during a call. No call allocates once
 * warm.
 *
 * <p>No call is {@code critical}: each may wait for other threads, and would hold up the garbage
 * collector meanwhile. Nothing here checks sizes; {@link NativeKernels} has done so.
 */
final class BatonCalls {
  // The numbers of baton.h.
  private static final int ISA_LEVELS = 0;
  private static final int OPEN = 1;
  private static final int CLOSE = 2;
  private static final int Q8_32_ROW_BYTES = 3;
  private static final int Q8_256_ROW_BYTES = 4;
  private static final int PACKED_BYTES = 5;
  private static final int PACK = 6;
  private static final int QUANTIZE = 7;
  private static final int MATMUL = 8;
  private static final int RMS_NORM = 9;
  private static final int ROPE = 10;
  private static final int PROBE = 11;
  private static final int STORE_KV = 12;
  private static final int ATTENTION = 13;
  private static final int SWIGLU = 14;
  private static final int EXPORT_KV = 15;
  private static final int IMPORT_KV = 16;
  private static final int MAXIMA = 17;

  private static final MethodHandle CALL =
      Linker.nativeLinker()
          .downcallHandle(
              NativeLibrary.symbols().findOrThrow("bt_call"),
              FunctionDescriptor.of(
                  JAVA_LONG, JAVA_INT, // the function's number
                  ADDRESS, // the context
                  ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG,
                  JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                  JAVA_LONG));

  private BatonCalls() {}

  /** The pointers and the numbers of a function in their order, what it has fewer of as nothing. */
  private static long call(
      int function,
      MemorySegment ctx,
      MemorySegment p0,
      MemorySegment p1,
      MemorySegment p2,
      MemorySegment p3,
      MemorySegment p4,
      MemorySegment p5,
      MemorySegment p6,
      long n0,
      long n1,
      long n2,
      long n3,
      long n4,
      long n5,
      long n6,
      long n7,
      long n8) {
    try {
      return (long)
          CALL.invokeExact(
              function, ctx, p0, p1, p2, p3, p4, p5, p6, n0, n1, n2, n3, n4, n5, n6, n7, n8);
    } catch (RuntimeException | Error e) {
      throw e; // a closed arena, a wrong thread, a heap segment
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static long call(int function, MemorySegment ctx, long n0, long n1, long n2) {
    return call(
        function, ctx, NULL, NULL, NULL, NULL, NULL, NULL, NULL, n0, n1, n2, 0, 0, 0, 0, 0, 0);
  }

  static int isaLevels() {
    return (int) call(ISA_LEVELS, NULL, 0, 0, 0);
  }

  static MemorySegment open(int isa, int threads, int pin) {
    return MemorySegment.ofAddress(call(OPEN, NULL, isa, threads, pin));
  }

  static void close(MemorySegment ctx) {
    call(CLOSE, ctx, 0, 0, 0);
  }

  static long q8x32RowBytes(long cols) {
    return call(Q8_32_ROW_BYTES, NULL, cols, 0, 0);
  }

  static long q8x256RowBytes(long cols) {
    return call(Q8_256_ROW_BYTES, NULL, cols, 0, 0);
  }

  static long packedBytes(int type, long rows, long cols) {
    return call(PACKED_BYTES, NULL, type, rows, cols);
  }

  static void pack(
      MemorySegment ctx, int type, MemorySegment raw, long rows, long cols, MemorySegment packed) {
    call(PACK, ctx, raw, packed, NULL, NULL, NULL, NULL, NULL, type, rows, cols, 0, 0, 0, 0, 0, 0);
  }

  static long probe(MemorySegment ctx, int kind, MemorySegment memory, long bytes, long rounds) {
    return call(
        PROBE, ctx, memory, NULL, NULL, NULL, NULL, NULL, NULL, kind, bytes, rounds, 0, 0, 0, 0, 0,
        0);
  }

  static void quantize(
      MemorySegment ctx,
      MemorySegment x,
      long tokens,
      long cols,
      MemorySegment q32,
      MemorySegment q256) {
    call(QUANTIZE, ctx, x, q32, q256, NULL, NULL, NULL, NULL, tokens, cols, 0, 0, 0, 0, 0, 0, 0);
  }

  static void matmul(
      MemorySegment ctx,
      int type,
      MemorySegment packed,
      long rows,
      long cols,
      MemorySegment x,
      long tokens,
      MemorySegment out,
      int accumulate) {
    call(
        MATMUL,
        ctx,
        packed,
        x,
        out,
        NULL,
        NULL,
        NULL,
        NULL,
        type,
        rows,
        cols,
        tokens,
        accumulate,
        0,
        0,
        0,
        0);
  }

  static void rmsNorm(
      MemorySegment ctx,
      MemorySegment x,
      long xRow,
      MemorySegment weight,
      float eps,
      long tokens,
      long cols,
      MemorySegment y,
      MemorySegment q32,
      MemorySegment q256) {
    call(
        RMS_NORM, ctx, x, weight, y, q32, q256, NULL, NULL, xRow, tokens, cols, bits(eps), 0, 0, 0,
        0, 0);
  }

  static void rope(
      MemorySegment ctx,
      MemorySegment x,
      RowRuns rows,
      long heads,
      long headDim,
      MemorySegment table,
      long pairs) {
    call(
        ROPE,
        ctx,
        x,
        rows.struct(),
        table,
        NULL,
        NULL,
        NULL,
        NULL,
        heads,
        headDim,
        pairs,
        0,
        0,
        0,
        0,
        0,
        0);
  }

  static void storeKv(
      MemorySegment ctx,
      MemorySegment pool,
      RowRuns rows,
      AttentionLayer layer,
      MemorySegment k,
      MemorySegment v) {
    call(
        STORE_KV,
        ctx,
        pool,
        rows.struct(),
        layer.struct(),
        k,
        v,
        NULL,
        NULL,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0);
  }

  static void attention(
      MemorySegment ctx,
      MemorySegment pool,
      RowRuns rows,
      AttentionLayer layer,
      MemorySegment q,
      MemorySegment y,
      MemorySegment q32,
      MemorySegment q256) {
    call(
        ATTENTION,
        ctx,
        pool,
        rows.struct(),
        layer.struct(),
        q,
        y,
        q32,
        q256,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0);
  }

  static void swiglu(
      MemorySegment ctx,
      MemorySegment gate,
      MemorySegment up,
      long tokens,
      long cols,
      MemorySegment y,
      MemorySegment q32,
      MemorySegment q256) {
    call(SWIGLU, ctx, gate, up, y, q32, q256, NULL, NULL, tokens, cols, 0, 0, 0, 0, 0, 0, 0);
  }

  static void maxima(MemorySegment ctx, MemorySegment x, long rows, long cols, MemorySegment out) {
    call(MAXIMA, ctx, x, out, NULL, NULL, NULL, NULL, NULL, rows, cols, 0, 0, 0, 0, 0, 0, 0);
  }

  static long exportKv(
      MemorySegment ctx,
      KvView kv,
      long layer,
      long firstToken,
      long tokens,
      int type,
      MemorySegment wire,
      long offset) {
    return copyKv(EXPORT_KV, ctx, kv, layer, firstToken, tokens, type, wire, offset, 0);
  }

  static int importKv(
      MemorySegment ctx,
      KvView kv,
      long layer,
      long firstToken,
      long tokens,
      int type,
      MemorySegment wire,
      long offset,
      long digest) {
    return (int) copyKv(IMPORT_KV, ctx, kv, layer, firstToken, tokens, type, wire, offset, digest);
  }

  private static long copyKv(
      int function,
      MemorySegment ctx,
      KvView kv,
      long layer,
      long firstToken,
      long tokens,
      int type,
      MemorySegment wire,
      long offset,
      long digest) {
    KvGeometry g = kv.geometry();
    return call(
        function,
        ctx,
        kv.pool(),
        kv.blockTable(),
        wire,
        NULL,
        NULL,
        NULL,
        NULL,
        g.layers(),
        g.kvHeads(),
        g.headDim(),
        layer,
        firstToken,
        tokens,
        type,
        offset,
        digest);
  }

  private static long bits(float value) {
    return Float.floatToRawIntBits(value);
  }
}
