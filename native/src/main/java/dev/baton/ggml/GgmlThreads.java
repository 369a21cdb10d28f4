package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;

/**
 * The threads of ggml's CPU backend, whose functions are asked for by name ({@code ggml-cpu.h}). A
 * pool of its own spares starting threads for every graph. Other devices have none.
 */
final class GgmlThreads implements AutoCloseable {
  /** {@code struct ggml_threadpool_params} and room for what it may grow by. */
  private static final long PARAMS_BYTES = 4096;

  private final GgmlBackends backends;
  private final MemorySegment registry;
  private MemorySegment pool = MemorySegment.NULL;

  GgmlThreads(GgmlLibrary ggml, GgmlDevice device, MemorySegment backend, int threads) {
    this.backends = ggml.backends();
    this.registry = backends.deviceRegistry(device.handle());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment setThreads = address(arena, "ggml_backend_set_n_threads");
      if (setThreads.address() == 0) {
        return;
      }
      GgmlSymbols.at(setThreads, FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT))
          .invokeExact(backend, threads);
      MemorySegment make = address(arena, "ggml_threadpool_new");
      MemorySegment use = address(arena, "ggml_backend_cpu_set_threadpool");
      if (make.address() == 0 || use.address() == 0) {
        return;
      }
      MemorySegment params = arena.allocate(PARAMS_BYTES, Long.BYTES);
      ggml.tensors().threadpoolParamsInit(params, threads);
      pool =
          (MemorySegment)
              GgmlSymbols.at(make, FunctionDescriptor.of(ADDRESS, ADDRESS)).invokeExact(params);
      GgmlSymbols.at(use, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS)).invokeExact(backend, pool);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  private MemorySegment address(Arena arena, String function) {
    return backends.procAddress(registry, arena.allocateFrom(function));
  }

  /** Ends the pool; the backend must be gone. */
  @Override
  public void close() {
    if (pool.address() == 0) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      GgmlSymbols.at(address(arena, "ggml_threadpool_free"), FunctionDescriptor.ofVoid(ADDRESS))
          .invokeExact(pool);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
    pool = MemorySegment.NULL;
  }
}
