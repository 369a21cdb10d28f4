package dev.baton.kvstream;

/** The fields of the next KvSlice or HiddenRows message. Stream thread only; reused. */
final class SliceHeader {
  long sessionId;

  /** The boundary layer for hidden rows. */
  int layer;

  int firstToken;
  int tokens;

  /** When the newest of the rows was computed. */
  long readyNs;

  /** When they were handed to the stream. */
  long sentNs;
}
