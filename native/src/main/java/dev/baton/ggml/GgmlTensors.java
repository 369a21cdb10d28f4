package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * The functions of {@code ggml.h} that a forward pass needs, with the same arguments in the same
 * order: contexts, tensors and operations, which only describe a graph. Nothing here checks shapes:
 * a wrong one is an abort in the library.
 */
final class GgmlTensors {
  /** {@code enum ggml_type}, as in GGUF. */
  static final int F32 = 0;

  static final int F16 = 1;
  static final int I32 = 26;
  static final int I64 = 27;

  /** {@code struct ggml_init_params}, passed by value. */
  private static final StructLayout INIT_PARAMS =
      MemoryLayout.structLayout(
          JAVA_LONG.withName("mem_size"),
          ADDRESS.withName("mem_buffer"),
          JAVA_BOOLEAN.withName("no_alloc"),
          MemoryLayout.paddingLayout(7));

  private final MethodHandle init;
  private final MethodHandle free;
  private final MethodHandle tensorOverhead;
  private final MethodHandle graphOverhead;
  private final MethodHandle newTensor1d;
  private final MethodHandle newTensor2d;
  private final MethodHandle view2d;
  private final MethodHandle view3d;
  private final MethodHandle reshape2d;
  private final MethodHandle reshape3d;
  private final MethodHandle permute;
  private final MethodHandle transpose;
  private final MethodHandle cont;
  private final MethodHandle cpy;
  private final MethodHandle add;
  private final MethodHandle mul;
  private final MethodHandle mulMat;
  private final MethodHandle rmsNorm;
  private final MethodHandle getRows;
  private final MethodHandle setRows;
  private final MethodHandle ropeExt;
  private final MethodHandle softMaxExt;
  private final MethodHandle flashAttnExt;
  private final MethodHandle swigluSplit;
  private final MethodHandle newGraph;
  private final MethodHandle buildForwardExpand;
  private final MethodHandle setAbortCallback;
  private final MethodHandle logSet;
  private final MethodHandle threadpoolParamsInit;

  GgmlTensors(GgmlSymbols symbols) {
    free = symbols.function("ggml_free", FunctionDescriptor.ofVoid(ADDRESS));
    tensorOverhead = symbols.function("ggml_tensor_overhead", FunctionDescriptor.of(JAVA_LONG));
    graphOverhead =
        symbols.function(
            "ggml_graph_overhead_custom",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_BOOLEAN));
    newTensor1d =
        symbols.function(
            "ggml_new_tensor_1d", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG));
    newTensor2d =
        symbols.function(
            "ggml_new_tensor_2d",
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG));
    view2d =
        symbols.function(
            "ggml_view_2d",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    view3d =
        symbols.function(
            "ggml_view_3d",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG));
    reshape2d =
        symbols.function(
            "ggml_reshape_2d",
            FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG));
    reshape3d =
        symbols.function(
            "ggml_reshape_3d",
            FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    permute =
        symbols.function(
            "ggml_permute",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    transpose =
        symbols.function("ggml_transpose", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    cont = symbols.function("ggml_cont", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    cpy = symbols.function("ggml_cpy", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    add = symbols.function("ggml_add", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    mul = symbols.function("ggml_mul", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    mulMat =
        symbols.function("ggml_mul_mat", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    rmsNorm =
        symbols.function(
            "ggml_rms_norm", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, JAVA_FLOAT));
    getRows =
        symbols.function(
            "ggml_get_rows", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    setRows =
        symbols.function(
            "ggml_set_rows", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    ropeExt =
        symbols.function(
            "ggml_rope_ext",
            FunctionDescriptor.of(
                ADDRESS,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_FLOAT,
                JAVA_FLOAT,
                JAVA_FLOAT,
                JAVA_FLOAT,
                JAVA_FLOAT,
                JAVA_FLOAT));
    softMaxExt =
        symbols.function(
            "ggml_soft_max_ext",
            FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_FLOAT, JAVA_FLOAT));
    flashAttnExt =
        symbols.function(
            "ggml_flash_attn_ext",
            FunctionDescriptor.of(
                ADDRESS,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                JAVA_FLOAT,
                JAVA_FLOAT,
                JAVA_FLOAT));
    swigluSplit =
        symbols.function(
            "ggml_swiglu_split", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    newGraph =
        symbols.function(
            "ggml_new_graph_custom",
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_BOOLEAN));
    buildForwardExpand =
        symbols.function("ggml_build_forward_expand", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
    setAbortCallback =
        symbols.function("ggml_set_abort_callback", FunctionDescriptor.of(ADDRESS, ADDRESS));
    logSet = symbols.function("ggml_log_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
    threadpoolParamsInit =
        symbols.function(
            "ggml_threadpool_params_init", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT));
    init = symbols.function("ggml_init", FunctionDescriptor.of(ADDRESS, INIT_PARAMS));
  }

  void free(MemorySegment ctx) {
    try {
      free.invokeExact(ctx);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  long tensorOverhead() {
    try {
      return (long) tensorOverhead.invokeExact();
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  long graphOverhead(long nodes, boolean grads) {
    try {
      return (long) graphOverhead.invokeExact(nodes, grads);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment newTensor1d(MemorySegment ctx, int type, long ne0) {
    try {
      return (MemorySegment) newTensor1d.invokeExact(ctx, type, ne0);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment newTensor2d(MemorySegment ctx, int type, long ne0, long ne1) {
    try {
      return (MemorySegment) newTensor2d.invokeExact(ctx, type, ne0, ne1);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment view2d(
      MemorySegment ctx, MemorySegment a, long ne0, long ne1, long nb1, long offset) {
    try {
      return (MemorySegment) view2d.invokeExact(ctx, a, ne0, ne1, nb1, offset);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment view3d(
      MemorySegment ctx,
      MemorySegment a,
      long ne0,
      long ne1,
      long ne2,
      long nb1,
      long nb2,
      long offset) {
    try {
      return (MemorySegment) view3d.invokeExact(ctx, a, ne0, ne1, ne2, nb1, nb2, offset);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment reshape2d(MemorySegment ctx, MemorySegment a, long ne0, long ne1) {
    try {
      return (MemorySegment) reshape2d.invokeExact(ctx, a, ne0, ne1);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment reshape3d(MemorySegment ctx, MemorySegment a, long ne0, long ne1, long ne2) {
    try {
      return (MemorySegment) reshape3d.invokeExact(ctx, a, ne0, ne1, ne2);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment permute(
      MemorySegment ctx, MemorySegment a, int axis0, int axis1, int axis2, int axis3) {
    try {
      return (MemorySegment) permute.invokeExact(ctx, a, axis0, axis1, axis2, axis3);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment transpose(MemorySegment ctx, MemorySegment a) {
    try {
      return (MemorySegment) transpose.invokeExact(ctx, a);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment cont(MemorySegment ctx, MemorySegment a) {
    try {
      return (MemorySegment) cont.invokeExact(ctx, a);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Copies {@code a} to where {@code b} is. */
  MemorySegment cpy(MemorySegment ctx, MemorySegment a, MemorySegment b) {
    try {
      return (MemorySegment) cpy.invokeExact(ctx, a, b);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment add(MemorySegment ctx, MemorySegment a, MemorySegment b) {
    try {
      return (MemorySegment) add.invokeExact(ctx, a, b);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment mul(MemorySegment ctx, MemorySegment a, MemorySegment b) {
    try {
      return (MemorySegment) mul.invokeExact(ctx, a, b);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** a (k, rows), b (k, n): the result is (rows, n). */
  MemorySegment mulMat(MemorySegment ctx, MemorySegment a, MemorySegment b) {
    try {
      return (MemorySegment) mulMat.invokeExact(ctx, a, b);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment rmsNorm(MemorySegment ctx, MemorySegment a, float eps) {
    try {
      return (MemorySegment) rmsNorm.invokeExact(ctx, a, eps);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment getRows(MemorySegment ctx, MemorySegment a, MemorySegment rows) {
    try {
      return (MemorySegment) getRows.invokeExact(ctx, a, rows);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Writes the rows of {@code b} to rows of {@code a}. */
  MemorySegment setRows(MemorySegment ctx, MemorySegment a, MemorySegment b, MemorySegment rows) {
    try {
      return (MemorySegment) setRows.invokeExact(ctx, a, b, rows);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment ropeExt(
      MemorySegment ctx,
      MemorySegment a,
      MemorySegment positions,
      MemorySegment factors,
      int dims,
      int mode,
      int contextOfOrigin,
      float base,
      float scale,
      float extFactor,
      float attnFactor,
      float betaFast,
      float betaSlow) {
    try {
      return (MemorySegment)
          ropeExt.invokeExact(
              ctx,
              a,
              positions,
              factors,
              dims,
              mode,
              contextOfOrigin,
              base,
              scale,
              extFactor,
              attnFactor,
              betaFast,
              betaSlow);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment softMaxExt(
      MemorySegment ctx, MemorySegment a, MemorySegment mask, float scale, float maxBias) {
    try {
      return (MemorySegment) softMaxExt.invokeExact(ctx, a, mask, scale, maxBias);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment flashAttnExt(
      MemorySegment ctx,
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment mask,
      float scale,
      float maxBias,
      float logitSoftcap) {
    try {
      return (MemorySegment)
          flashAttnExt.invokeExact(ctx, q, k, v, mask, scale, maxBias, logitSoftcap);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment swigluSplit(MemorySegment ctx, MemorySegment gate, MemorySegment up) {
    try {
      return (MemorySegment) swigluSplit.invokeExact(ctx, gate, up);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment newGraph(MemorySegment ctx, long nodes, boolean grads) {
    try {
      return (MemorySegment) newGraph.invokeExact(ctx, nodes, grads);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Adds a result, and all it needs, to the graph. */
  void buildForwardExpand(MemorySegment graph, MemorySegment tensor) {
    try {
      buildForwardExpand.invokeExact(graph, tensor);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment setAbortCallback(MemorySegment callback) {
    try {
      return (MemorySegment) setAbortCallback.invokeExact(callback);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void logSet(MemorySegment callback, MemorySegment data) {
    try {
      logSet.invokeExact(callback, data);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void threadpoolParamsInit(MemorySegment params, int threads) {
    try {
      threadpoolParamsInit.invokeExact(params, threads);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** A context that holds so many bytes of descriptions of tensors and graphs, but no data. */
  MemorySegment init(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = arena.allocate(INIT_PARAMS);
      params.set(JAVA_LONG, 0, bytes);
      params.set(ADDRESS, 8, MemorySegment.NULL);
      params.set(JAVA_BOOLEAN, 16, true);
      return (MemorySegment) init.invokeExact(params);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }
}
