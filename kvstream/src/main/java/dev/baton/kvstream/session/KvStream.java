package dev.baton.kvstream.session;

import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.seal.MessageSealer;
import java.lang.foreign.MemorySegment;

/**
 * The KV stream to one decode node. Every {@code send} returns false when the stream does not take
 * the message now; nothing was written then. Stream thread only; allocates nothing.
 */
public interface KvStream {
  /** Has the stream made, which takes its memory. Twice is fine. */
  void open();

  /** True once the stream is there; nothing may be sent before. */
  boolean isReady();

  /** Names this stream in the handshake, before it is there. */
  int streamSession();

  /** True when nothing will ever be sent here any more. */
  boolean isBroken();

  /** What broke it, one line. */
  String trouble();

  void close();

  /** From now on everything is sealed; nothing was sent before. */
  void seal(MessageSealer sealer);

  /** How many units of {@code unitBytes} go into one slice message, at least one. */
  int unitsPerSlice(int unitBytes);

  /** How many boundary rows of {@code rowBytes} go into one message, at least one. */
  int rowsPerMessage(int rowBytes);

  /** The digest of the slice or rows sent last. */
  long lastDigest();

  /**
   * Sends some units of one state, {@code payloadBytes} in all. Also false where the source has a
   * later fixed state than that.
   *
   * @throws RuntimeException what the source throws; nothing was sent then
   */
  boolean sendSlice(SliceHeader rows, KvSource source, int payloadBytes);

  /** Sends boundary rows that stand from {@code offset} of {@code src}. */
  boolean sendHidden(SliceHeader rows, MemorySegment src, long offset, int rowBytes);

  /** Sends what the digest of all that was ordered of one state must be. */
  boolean sendLayerDigest(SliceHeader whole, long digest);

  /** Sends that everything was handed over. */
  boolean sendDone(
      long sessionId, long computeStartNs, long computeEndNs, int hiddenRows, long hiddenDigest);
}
