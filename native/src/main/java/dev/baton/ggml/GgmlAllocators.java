package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The functions of {@code ggml-alloc.h}: memory for tensors, and for what a graph computes on its
 * way.
 */
final class GgmlAllocators {
  private final MethodHandle allocate;
  private final MethodHandle newAllocator;
  private final MethodHandle freeAllocator;
  private final MethodHandle allocateGraph;
  private final MethodHandle bufferBytes;

  GgmlAllocators(GgmlSymbols symbols) {
    allocate =
        symbols.function(
            "ggml_backend_alloc_ctx_tensors_from_buft",
            FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    newAllocator = symbols.function("ggml_gallocr_new", FunctionDescriptor.of(ADDRESS, ADDRESS));
    freeAllocator = symbols.function("ggml_gallocr_free", FunctionDescriptor.ofVoid(ADDRESS));
    allocateGraph =
        symbols.function(
            "ggml_gallocr_alloc_graph", FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS, ADDRESS));
    bufferBytes =
        symbols.function(
            "ggml_gallocr_get_buffer_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_INT));
  }

  /** One buffer for all tensors of a context; NULL where there is no memory. */
  MemorySegment allocate(MemorySegment ctx, MemorySegment bufferType) {
    try {
      return (MemorySegment) allocate.invokeExact(ctx, bufferType);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment newAllocator(MemorySegment bufferType) {
    try {
      return (MemorySegment) newAllocator.invokeExact(bufferType);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void freeAllocator(MemorySegment allocator) {
    try {
      freeAllocator.invokeExact(allocator);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Gives what a graph computes its places in the allocator's buffer, which grows for it. */
  boolean allocateGraph(MemorySegment allocator, MemorySegment graph) {
    try {
      return (boolean) allocateGraph.invokeExact(allocator, graph);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  long bufferBytes(MemorySegment allocator, int index) {
    try {
      return (long) bufferBytes.invokeExact(allocator, index);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }
}
