package dev.baton.kvstream;

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
}
