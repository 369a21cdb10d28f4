package dev.baton.ggml;

import java.lang.foreign.MemorySegment;

/**
 * The buffer that graphs share for what they compute on their way, as no two run at a time. It
 * grows for a larger graph; all graphs that had their places in the smaller one are then to be made
 * anew, which its age tells. Once something was computed it must not grow.
 */
final class GgmlScratch implements AutoCloseable {
  private final GgmlAllocators allocators;
  private final String device;
  private final MemorySegment handle;
  private long bytes;
  private int age;

  GgmlScratch(GgmlLibrary ggml, GgmlDevice device) {
    this.allocators = ggml.allocators();
    this.device = device.label();
    this.handle = allocators.newAllocator(ggml.backends().deviceBufferType(device.handle()));
  }

  /**
   * Gives a new graph its places. Nothing may be computing.
   *
   * @return true when the buffer grew
   * @throws GgmlException when the device has too little memory
   */
  boolean place(GgmlGraph graph) {
    if (!allocators.allocateGraph(handle, graph.handle())) {
      throw new GgmlException(
          "device "
              + device
              + " has too little memory to compute in"
              + GgmlLog.lastError()
              + "; use smaller chunks, a smaller model or another device");
    }
    long now = allocators.bufferBytes(handle, 0);
    boolean grew = now != bytes;
    if (grew) {
      bytes = now;
      age++;
    }
    graph.placed(age);
    return grew;
  }

  /** True when the graph's places are in the buffer of now. */
  boolean holds(GgmlGraph graph) {
    return graph.scratchAge() == age;
  }

  @Override
  public void close() {
    allocators.freeAllocator(handle);
  }
}
