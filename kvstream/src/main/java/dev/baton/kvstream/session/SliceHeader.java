package dev.baton.kvstream.session;

import dev.baton.kvstream.KvSource;

/** The fields of the next KvSlice or HiddenRows message. Stream thread only; reused. */
final class SliceHeader {
  long sessionId;

  /** The layer behind the order's last one for boundary rows. */
  int layer;

  /** In the layer's list. */
  int state;

  /** The first row, or piece of a fixed state. */
  int first;

  int count;

  /** Of a fixed state; 0 for rows. */
  int position;

  /** All bytes of a fixed state; 0 for rows. */
  int fixedBytes;

  /** When the newest of it was computed. */
  long readyNs;

  /** When it was handed to the stream. */
  long sentNs;

  /** Of the units that were exported last. */
  long digest;

  /**
   * Writes these units of a state and notes their {@link #digest}.
   *
   * @param address where, {@code payloadBytes} of them
   * @return false where a fixed state is not at this position any more
   */
  boolean export(KvSource source, int payloadBytes, long address) {
    if (fixedBytes == 0) {
      digest = source.exportSlice(layer, state, first, count, RawMemory.ALL, address);
      return true;
    }
    int from = first * StateSlots.PIECE_BYTES;
    boolean there =
        source.exportFixed(layer, state, position, from, payloadBytes, RawMemory.ALL, address);
    digest =
        StateSlots.ofPieces(
            layer, state, position, first, count, fixedBytes, RawMemory.ALL, address);
    return there;
  }
}
