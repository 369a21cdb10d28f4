package dev.baton.ggml;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Marks behind the last two layers that were queued on a device. */
final class GgmlEvents implements AutoCloseable {
  private final GgmlBackends backends;
  private final MemorySegment backend;
  private final MemorySegment even;
  private final MemorySegment odd;

  private GgmlEvents(
      GgmlBackends backends, MemorySegment backend, MemorySegment even, MemorySegment odd) {
    this.backends = backends;
    this.backend = backend;
    this.even = even;
    this.odd = odd;
  }

  /** Null where the device has no events. */
  static @Nullable GgmlEvents of(GgmlBackends backends, GgmlDevice device, MemorySegment backend) {
    MemorySegment even = backends.eventNew(device.handle());
    if (even.address() == 0) {
      return null;
    }
    return new GgmlEvents(backends, backend, even, backends.eventNew(device.handle()));
  }

  /** All that is queued now belongs to {@code layer} or earlier ones. */
  void record(int layer) {
    backends.eventRecord(of(layer), backend);
  }

  /** Waits until {@code layer} is done. */
  void await(int layer) {
    backends.eventSynchronize(of(layer));
  }

  private MemorySegment of(int layer) {
    return layer % 2 == 0 ? even : odd;
  }

  @Override
  public void close() {
    backends.eventFree(even);
    backends.eventFree(odd);
  }
}
