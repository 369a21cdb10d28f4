package dev.baton.ggml;

import java.lang.foreign.MemorySegment;

/**
 * Tensors in one buffer of a device: first all are described, then {@link #allocate} gives them
 * their memory. Owner of both.
 */
final class GgmlMemory implements AutoCloseable {
  private final GgmlLibrary ggml;
  private final GgmlDevice device;
  private final MemorySegment context;
  private MemorySegment buffer = MemorySegment.NULL;
  private boolean closed;

  /**
   * @param tensors how many there will be at most
   */
  GgmlMemory(GgmlLibrary ggml, GgmlDevice device, int tensors) {
    this.ggml = ggml;
    this.device = device;
    this.context = ggml.tensors().init((tensors + 1) * ggml.tensors().tensorOverhead());
  }

  MemorySegment vector(int type, long size) {
    return ggml.tensors().newTensor1d(context, type, size);
  }

  /** A matrix (rows, cols); ggml names the length of a row first. */
  MemorySegment matrix(int type, long cols, long rows) {
    return ggml.tensors().newTensor2d(context, type, cols, rows);
  }

  /**
   * Takes the memory of all tensors, as zeros where that is asked for.
   *
   * @param what it is for, for the error
   * @throws GgmlException when the device has too little
   */
  GgmlMemory allocate(String what, boolean zeroed) {
    MemorySegment type = ggml.backends().deviceBufferType(device.handle());
    buffer = ggml.allocators().allocate(context, type);
    if (buffer.address() == 0) {
      close();
      throw new GgmlException(
          "device "
              + device.label()
              + " has too little memory for "
              + what
              + GgmlLog.lastError()
              + "; use a smaller model, a smaller --ctx-size or --kv-tokens, or another device");
    }
    if (zeroed) {
      ggml.backends().bufferClear(buffer, (byte) 0);
    }
    return this;
  }

  void holdsWeights() {
    ggml.backends().bufferSetUsage(buffer, GgmlBackends.USAGE_WEIGHTS);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (buffer.address() != 0) {
        ggml.backends().bufferFree(buffer);
      }
      ggml.tensors().free(context);
    }
  }
}
