package dev.baton.kvstream.session;

import java.lang.foreign.MemorySegment;
import org.agrona.DirectBuffer;

/**
 * The process's whole address space as one segment, so that Aeron's term buffers can be handed to
 * sources and sinks as {@code (segment, absolute address)} without an object for each message.
 * Whoever uses it has checked the bounds.
 */
final class RawMemory {
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private RawMemory() {}

  /** The absolute address of {@code offset} in an off-heap buffer. */
  static long address(DirectBuffer buffer, int offset) {
    if (buffer.byteArray() != null) {
      throw new IllegalArgumentException(
          "KV messages lie outside the Java heap, this buffer does not");
    }
    return buffer.addressOffset() + offset;
  }
}
