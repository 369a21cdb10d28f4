package dev.baton.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Every function of {@code baton.h}, with the same arguments in the same order. Pointers are
 * segments, so that the arenas they live in cannot be closed during a call. No call allocates once
 * warm.
 *
 * <p>No call is {@code critical}: each may wait for other threads, and would hold up the garbage
 * collector meanwhile. Nothing here checks sizes; {@link NativeKernels} has done so.
 */
final class BatonCalls {
  private static final MethodHandle ISA_LEVELS = function("bt_isa_levels", JAVA_INT);
  private static final MethodHandle OPEN =
      function("bt_open", ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle CLOSE = procedure("bt_close", ADDRESS);
  private static final MethodHandle Q8_32_ROW_BYTES =
      function("bt_q8_32_row_bytes", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle Q8_256_ROW_BYTES =
      function("bt_q8_256_row_bytes", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle PACKED_BYTES =
      function("bt_packed_bytes", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle PACK =
      procedure("bt_pack", ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle QUANTIZE =
      procedure("bt_quantize", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle MATMUL =
      procedure(
          "bt_matmul",
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT);
  private static final MethodHandle PROBE =
      function("bt_probe", JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RMS_NORM =
      procedure(
          "bt_rms_norm",
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_FLOAT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle ROPE =
      procedure(
          "bt_rope", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
          JAVA_LONG, JAVA_LONG);
  private static final MethodHandle STORE_KV =
      procedure(
          "bt_store_kv",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle ATTENTION =
      procedure(
          "bt_attention",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_FLOAT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle SWIGLU =
      procedure(
          "bt_swiglu", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle EXPORT_KV =
      function(
          "bt_export_kv",
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle IMPORT_KV =
      function(
          "bt_import_kv",
          JAVA_INT,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG);

  private BatonCalls() {}

  private static MethodHandle procedure(String name, MemoryLayout... arguments) {
    return handle(name, FunctionDescriptor.ofVoid(arguments));
  }

  private static MethodHandle function(
      String name, MemoryLayout result, MemoryLayout... arguments) {
    return handle(name, FunctionDescriptor.of(result, arguments));
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker()
        .downcallHandle(NativeLibrary.symbols().findOrThrow(name), descriptor);
  }

  /** What a downcall threw: a closed arena, a wrong thread, a heap segment. */
  private static RuntimeException failed(Throwable e) {
    if (e instanceof RuntimeException unchecked) {
      return unchecked;
    }
    if (e instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(e);
  }

  static int isaLevels() {
    try {
      return (int) ISA_LEVELS.invokeExact();
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static MemorySegment open(int isa, int threads, int pin) {
    try {
      return (MemorySegment) OPEN.invokeExact(isa, threads, pin);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void close(MemorySegment ctx) {
    try {
      CLOSE.invokeExact(ctx);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static long q8x32RowBytes(long cols) {
    try {
      return (long) Q8_32_ROW_BYTES.invokeExact(cols);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static long q8x256RowBytes(long cols) {
    try {
      return (long) Q8_256_ROW_BYTES.invokeExact(cols);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static long packedBytes(int type, long rows, long cols) {
    try {
      return (long) PACKED_BYTES.invokeExact(type, rows, cols);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void pack(
      MemorySegment ctx, int type, MemorySegment raw, long rows, long cols, MemorySegment packed) {
    try {
      PACK.invokeExact(ctx, type, raw, rows, cols, packed);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static long probe(MemorySegment ctx, int kind, MemorySegment memory, long bytes, long rounds) {
    try {
      return (long) PROBE.invokeExact(ctx, kind, memory, bytes, rounds);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void quantize(
      MemorySegment ctx,
      MemorySegment x,
      long tokens,
      long cols,
      MemorySegment q32,
      MemorySegment q256) {
    try {
      QUANTIZE.invokeExact(ctx, x, tokens, cols, q32, q256);
    } catch (Throwable e) {
      throw failed(e);
    }
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
    try {
      MATMUL.invokeExact(ctx, type, packed, rows, cols, x, tokens, out, accumulate);
    } catch (Throwable e) {
      throw failed(e);
    }
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
    try {
      RMS_NORM.invokeExact(ctx, x, xRow, weight, eps, tokens, cols, y, q32, q256);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void rope(
      MemorySegment ctx,
      MemorySegment x,
      long row,
      long tokens,
      long heads,
      long headDim,
      MemorySegment table,
      long pairs,
      long firstPosition) {
    try {
      ROPE.invokeExact(ctx, x, row, tokens, heads, headDim, table, pairs, firstPosition);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void storeKv(
      MemorySegment ctx,
      KvView kv,
      long layer,
      MemorySegment k,
      MemorySegment v,
      long row,
      long firstToken,
      long tokens) {
    KvGeometry g = kv.geometry();
    try {
      STORE_KV.invokeExact(
          ctx,
          kv.pool(),
          kv.blockTable(),
          (long) g.layers(),
          (long) g.kvHeads(),
          (long) g.headDim(),
          layer,
          k,
          v,
          row,
          firstToken,
          tokens);
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  static void attention(
      MemorySegment ctx,
      KvView kv,
      long layer,
      MemorySegment q,
      long heads,
      float scale,
      long row,
      long firstToken,
      long tokens,
      MemorySegment y,
      MemorySegment q32,
      MemorySegment q256) {
    KvGeometry g = kv.geometry();
    try {
      ATTENTION.invokeExact(
          ctx,
          kv.pool(),
          kv.blockTable(),
          (long) g.layers(),
          (long) g.kvHeads(),
          (long) g.headDim(),
          layer,
          q,
          heads,
          scale,
          row,
          firstToken,
          tokens,
          y,
          q32,
          q256);
    } catch (Throwable e) {
      throw failed(e);
    }
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
    try {
      SWIGLU.invokeExact(ctx, gate, up, tokens, cols, y, q32, q256);
    } catch (Throwable e) {
      throw failed(e);
    }
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
    KvGeometry g = kv.geometry();
    try {
      return (long)
          EXPORT_KV.invokeExact(
              ctx,
              kv.pool(),
              kv.blockTable(),
              (long) g.layers(),
              (long) g.kvHeads(),
              (long) g.headDim(),
              layer,
              firstToken,
              tokens,
              type,
              wire,
              offset);
    } catch (Throwable e) {
      throw failed(e);
    }
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
    KvGeometry g = kv.geometry();
    try {
      return (int)
          IMPORT_KV.invokeExact(
              ctx,
              kv.pool(),
              kv.blockTable(),
              (long) g.layers(),
              (long) g.kvHeads(),
              (long) g.headDim(),
              layer,
              firstToken,
              tokens,
              type,
              wire,
              offset,
              digest);
    } catch (Throwable e) {
      throw failed(e);
    }
  }
}
