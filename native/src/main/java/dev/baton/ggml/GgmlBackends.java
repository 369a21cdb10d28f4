package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The functions of {@code ggml-backend.h} that a forward pass needs: devices, and what moves data
 * and computes on them.
 */
final class GgmlBackends {
  /** {@code GGML_BACKEND_BUFFER_USAGE_WEIGHTS}. */
  static final int USAGE_WEIGHTS = 1;

  private final MethodHandle deviceCount;
  private final MethodHandle device;
  private final MethodHandle loadAllFrom;
  private final MethodHandle loadAll;
  private final MethodHandle deviceName;
  private final MethodHandle deviceDescription;
  private final MethodHandle deviceMemory;
  private final MethodHandle deviceType;
  private final MethodHandle deviceRegistry;
  private final MethodHandle deviceInit;
  private final MethodHandle deviceBufferType;
  private final MethodHandle deviceSupports;
  private final MethodHandle registryCount;
  private final MethodHandle registry;
  private final MethodHandle registryDevices;
  private final MethodHandle registryName;
  private final MethodHandle procAddress;
  private final MethodHandle free;
  private final MethodHandle synchronize;
  private final MethodHandle compute;
  private final MethodHandle computeAsync;
  private final MethodHandle tensorSet;
  private final MethodHandle tensorGet;
  private final MethodHandle tensorCopy;
  private final MethodHandle viewInit;
  private final MethodHandle eventNew;
  private final MethodHandle eventFree;
  private final MethodHandle eventRecord;
  private final MethodHandle eventSynchronize;
  private final MethodHandle bufferFree;
  private final MethodHandle bufferClear;
  private final MethodHandle bufferSetUsage;

  GgmlBackends(GgmlSymbols symbols) {
    deviceCount = symbols.function("ggml_backend_dev_count", FunctionDescriptor.of(JAVA_LONG));
    device = symbols.function("ggml_backend_dev_get", FunctionDescriptor.of(ADDRESS, JAVA_LONG));
    loadAllFrom =
        symbols.function("ggml_backend_load_all_from_path", FunctionDescriptor.ofVoid(ADDRESS));
    loadAll = symbols.function("ggml_backend_load_all", FunctionDescriptor.ofVoid());
    deviceName = symbols.function("ggml_backend_dev_name", FunctionDescriptor.of(ADDRESS, ADDRESS));
    deviceDescription =
        symbols.function("ggml_backend_dev_description", FunctionDescriptor.of(ADDRESS, ADDRESS));
    deviceMemory =
        symbols.function(
            "ggml_backend_dev_memory", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS));
    deviceType =
        symbols.function("ggml_backend_dev_type", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    deviceRegistry =
        symbols.function("ggml_backend_dev_backend_reg", FunctionDescriptor.of(ADDRESS, ADDRESS));
    deviceInit =
        symbols.function("ggml_backend_dev_init", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    deviceBufferType =
        symbols.function("ggml_backend_dev_buffer_type", FunctionDescriptor.of(ADDRESS, ADDRESS));
    deviceSupports =
        symbols.function(
            "ggml_backend_dev_supports_op", FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS, ADDRESS));
    registryCount = symbols.function("ggml_backend_reg_count", FunctionDescriptor.of(JAVA_LONG));
    registry = symbols.function("ggml_backend_reg_get", FunctionDescriptor.of(ADDRESS, JAVA_LONG));
    registryDevices =
        symbols.function("ggml_backend_reg_dev_count", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
    registryName =
        symbols.function("ggml_backend_reg_name", FunctionDescriptor.of(ADDRESS, ADDRESS));
    procAddress =
        symbols.function(
            "ggml_backend_reg_get_proc_address", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    free = symbols.function("ggml_backend_free", FunctionDescriptor.ofVoid(ADDRESS));
    synchronize = symbols.function("ggml_backend_synchronize", FunctionDescriptor.ofVoid(ADDRESS));
    compute =
        symbols.function(
            "ggml_backend_graph_compute", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    computeAsync =
        symbols.function(
            "ggml_backend_graph_compute_async", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    tensorSet =
        symbols.function(
            "ggml_backend_tensor_set",
            FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG));
    tensorGet =
        symbols.function(
            "ggml_backend_tensor_get",
            FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG));
    tensorCopy =
        symbols.function("ggml_backend_tensor_copy", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
    viewInit = symbols.function("ggml_backend_view_init", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    eventNew = symbols.function("ggml_backend_event_new", FunctionDescriptor.of(ADDRESS, ADDRESS));
    eventFree = symbols.function("ggml_backend_event_free", FunctionDescriptor.ofVoid(ADDRESS));
    eventRecord =
        symbols.function("ggml_backend_event_record", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
    eventSynchronize =
        symbols.function("ggml_backend_event_synchronize", FunctionDescriptor.ofVoid(ADDRESS));
    bufferFree = symbols.function("ggml_backend_buffer_free", FunctionDescriptor.ofVoid(ADDRESS));
    bufferClear =
        symbols.function(
            "ggml_backend_buffer_clear", FunctionDescriptor.ofVoid(ADDRESS, JAVA_BYTE));
    bufferSetUsage =
        symbols.function(
            "ggml_backend_buffer_set_usage", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT));
  }

  long deviceCount() {
    try {
      return (long) deviceCount.invokeExact();
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment device(long index) {
    try {
      return (MemorySegment) device.invokeExact(index);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void loadAllFrom(MemorySegment folder) {
    try {
      loadAllFrom.invokeExact(folder);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Loads the plugins in the folder that the library was built for. */
  void loadAll() {
    try {
      loadAll.invokeExact();
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment deviceName(MemorySegment device) {
    try {
      return (MemorySegment) deviceName.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment deviceDescription(MemorySegment device) {
    try {
      return (MemorySegment) deviceDescription.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void deviceMemory(MemorySegment device, MemorySegment free, MemorySegment total) {
    try {
      deviceMemory.invokeExact(device, free, total);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** 0 for a CPU; the other numbers have changed their meaning. */
  int deviceType(MemorySegment device) {
    try {
      return (int) deviceType.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment deviceRegistry(MemorySegment device) {
    try {
      return (MemorySegment) deviceRegistry.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment deviceInit(MemorySegment device, MemorySegment params) {
    try {
      return (MemorySegment) deviceInit.invokeExact(device, params);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment deviceBufferType(MemorySegment device) {
    try {
      return (MemorySegment) deviceBufferType.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  boolean deviceSupports(MemorySegment device, MemorySegment tensor) {
    try {
      return (boolean) deviceSupports.invokeExact(device, tensor);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  long registryCount() {
    try {
      return (long) registryCount.invokeExact();
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment registry(long index) {
    try {
      return (MemorySegment) registry.invokeExact(index);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  long registryDevices(MemorySegment registry) {
    try {
      return (long) registryDevices.invokeExact(registry);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  MemorySegment registryName(MemorySegment registry) {
    try {
      return (MemorySegment) registryName.invokeExact(registry);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** NULL where the backend has no such function. */
  MemorySegment procAddress(MemorySegment registry, MemorySegment name) {
    try {
      return (MemorySegment) procAddress.invokeExact(registry, name);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void free(MemorySegment backend) {
    try {
      free.invokeExact(backend);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void synchronize(MemorySegment backend) {
    try {
      synchronize.invokeExact(backend);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** 0 for success. */
  int compute(MemorySegment backend, MemorySegment graph) {
    try {
      return (int) compute.invokeExact(backend, graph);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  int computeAsync(MemorySegment backend, MemorySegment graph) {
    try {
      return (int) computeAsync.invokeExact(backend, graph);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void tensorSet(MemorySegment tensor, MemorySegment data, long offset, long bytes) {
    try {
      tensorSet.invokeExact(tensor, data, offset, bytes);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void tensorGet(MemorySegment tensor, MemorySegment data, long offset, long bytes) {
    try {
      tensorGet.invokeExact(tensor, data, offset, bytes);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Copies one tensor to another of the same layout. */
  void tensorCopy(MemorySegment from, MemorySegment to) {
    try {
      tensorCopy.invokeExact(from, to);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Gives a view, outside of a graph, the memory of what it is a view of; 0 for success. */
  int viewInit(MemorySegment view) {
    try {
      return (int) viewInit.invokeExact(view);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** NULL where the device has no events. */
  MemorySegment eventNew(MemorySegment device) {
    try {
      return (MemorySegment) eventNew.invokeExact(device);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void eventFree(MemorySegment event) {
    try {
      eventFree.invokeExact(event);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void eventRecord(MemorySegment event, MemorySegment backend) {
    try {
      eventRecord.invokeExact(event, backend);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void eventSynchronize(MemorySegment event) {
    try {
      eventSynchronize.invokeExact(event);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void bufferFree(MemorySegment buffer) {
    try {
      bufferFree.invokeExact(buffer);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void bufferClear(MemorySegment buffer, byte value) {
    try {
      bufferClear.invokeExact(buffer, value);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  void bufferSetUsage(MemorySegment buffer, int usage) {
    try {
      bufferSetUsage.invokeExact(buffer, usage);
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }
}
