package dev.baton.kvstream.session;

import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.codec.HiddenRowsEncoder;
import dev.baton.kvstream.codec.KvSliceEncoder;
import dev.baton.kvstream.codec.LayerDigestEncoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.PrefillDoneEncoder;
import dev.baton.kvstream.media.PendingPublication;
import dev.baton.kvstream.seal.MessageSealer;
import dev.baton.kvstream.seal.SealedMessage;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.LogBufferDescriptor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.sbe.MessageEncoderFlyweight;
import org.jspecify.annotations.Nullable;

/**
 * A KV stream over Aeron. A message that fits one frame is written where Aeron sends it from. Where
 * whole rows would leave much of each frame empty (a wide model on a small MTU), larger messages go
 * through a buffer of their own and Aeron's fragmentation. With a cluster key every message is
 * written into that buffer and sealed from there.
 */
public final class KvPublication implements KvStream {
  private static final int SLICE_BYTES =
      MessageHeaderEncoder.ENCODED_LENGTH + KvSliceEncoder.BLOCK_LENGTH;
  private static final int HIDDEN_BYTES =
      MessageHeaderEncoder.ENCODED_LENGTH + HiddenRowsEncoder.BLOCK_LENGTH;

  /** A frame filled to this many eighths is worth not being copied. */
  private static final int FULL_ENOUGH_EIGHTHS = 7;

  /** Frames filled to this share of the best are as good. */
  private static final double NEARLY = 0.98;

  /** Fragmented messages are about this long at most: they stay in a core's cache. */
  private static final int FRAGMENTED_BYTES = 64 << 10;

  private final PendingPublication later;
  private final BufferClaim claim = new BufferClaim();
  private UnsafeBuffer staging;
  private UnsafeBuffer sealed = new UnsafeBuffer(0, 0);
  private @Nullable MessageSealer sealer;
  private final MessageHeaderEncoder header = new MessageHeaderEncoder();
  private final KvSliceEncoder slice = new KvSliceEncoder();
  private final HiddenRowsEncoder hidden = new HiddenRowsEncoder();
  private final LayerDigestEncoder layerDigest = new LayerDigestEncoder();
  private final PrefillDoneEncoder done = new PrefillDoneEncoder();
  private @Nullable ExclusivePublication publication;
  private int maxFramePayload;
  private boolean lost;
  private long lastDigest;
  private boolean claimed;

  /**
   * A stream whose largest single row (one token's KV of a layer, one hidden row) has {@code
   * maxRowBytes}.
   */
  public KvPublication(PendingPublication later, int maxRowBytes) {
    this.later = later;
    this.staging = offHeap(Math.max(FRAGMENTED_BYTES, SLICE_BYTES + maxRowBytes));
  }

  @Override
  public void open() {
    later.open();
  }

  @Override
  public boolean isReady() {
    if (publication == null) {
      publication = later.get();
      if (publication != null) {
        maxFramePayload = publication.maxPayloadLength();
        reserve();
      }
    }
    return publication != null;
  }

  @Override
  public int streamSession() {
    return later.session();
  }

  @Override
  public boolean isBroken() {
    return lost || later.failure() != null;
  }

  @Override
  public String trouble() {
    String failure = later.failure();
    return failure == null ? "a message was lost on its way into it" : failure;
  }

  @Override
  public void close() {
    later.revoke();
  }

  @Override
  public void seal(MessageSealer with) {
    sealer = with;
    reserve();
  }

  /** Room to seal messages in, once the stream is there and it is known that they are sealed. */
  private void reserve() {
    if (sealer != null && publication != null) {
      int largest = Math.max(staging.capacity(), publication.maxPayloadLength());
      staging = offHeap(largest);
      sealed = offHeap(largest + SealedMessage.OVERHEAD_BYTES);
    }
  }

  private static UnsafeBuffer offHeap(int capacity) {
    return new UnsafeBuffer(ByteBuffer.allocateDirect(capacity));
  }

  @Override
  public int unitsPerSlice(int unitBytes) {
    return rowsPerMessage(SLICE_BYTES, unitBytes);
  }

  @Override
  public int rowsPerMessage(int rowBytes) {
    return rowsPerMessage(HIDDEN_BYTES, rowBytes);
  }

  private int rowsPerMessage(int headBytes, int rowBytes) {
    int head = sealer == null ? headBytes : headBytes + SealedMessage.OVERHEAD_BYTES;
    int limit = Math.min(FRAGMENTED_BYTES, ready().maxMessageLength());
    return rowsPerMessage(head, rowBytes, maxFramePayload, limit);
  }

  /**
   * How many rows a message has: as many as one frame holds when they fill it, else as many as fill
   * whole frames best.
   *
   * @param limitBytes length of a message of more than one frame, unless a single row is longer
   */
  static int rowsPerMessage(int headBytes, int rowBytes, int frameBytes, int limitBytes) {
    int rows = (frameBytes - headBytes) / rowBytes;
    if (8L * (headBytes + (long) rows * rowBytes) >= (long) FULL_ENOUGH_EIGHTHS * frameBytes) {
      return rows;
    }
    int least = Math.max(1, rows);
    int most = Math.max(least, (limitBytes - headBytes) / rowBytes);
    double bestFill = 0;
    for (int count = least; count <= most; count++) {
      bestFill = Math.max(bestFill, fill(headBytes + (long) count * rowBytes, frameBytes));
    }
    // Many rows are copied faster than few.
    int best = most;
    while (fill(headBytes + (long) best * rowBytes, frameBytes) < NEARLY * bestFill) {
      best--;
    }
    return best;
  }

  /** The share of its frames that a message fills. */
  private static double fill(long bytes, int frameBytes) {
    return (double) bytes / (Math.ceilDiv(bytes, frameBytes) * (double) frameBytes);
  }

  @Override
  public long lastDigest() {
    return lastDigest;
  }

  @Override
  public boolean sendSlice(SliceHeader rows, KvSource source, int payloadBytes) {
    if (!reserve(SLICE_BYTES + payloadBytes)) {
      return false;
    }
    boolean written = false;
    try {
      int at = begin(slice);
      slice.sessionId(rows.sessionId).readyNs(rows.readyNs).sentNs(rows.sentNs).layer(rows.layer);
      slice.state(rows.state).first(rows.first).units(rows.count).position(rows.position);
      written = rows.export(source, payloadBytes, target().addressOffset() + at);
      lastDigest = rows.digest;
      slice.digest(lastDigest);
    } finally {
      abandonUnless(written);
    }
    return written && publish(SLICE_BYTES + payloadBytes);
  }

  @Override
  public boolean sendHidden(SliceHeader rows, MemorySegment src, long offset, int rowBytes) {
    int payloadBytes = rows.count * rowBytes;
    if (!reserve(HIDDEN_BYTES + payloadBytes)) {
      return false;
    }
    int at = begin(hidden);
    hidden.sessionId(rows.sessionId).readyNs(rows.readyNs).sentNs(rows.sentNs);
    hidden.firstToken(rows.first).tokens(rows.count);
    long address = target().addressOffset() + at;
    MemorySegment.copy(src, offset, RawMemory.ALL, address, payloadBytes);
    lastDigest =
        RowDigest.ofHidden(rows.layer, rows.first, rows.count, rowBytes, RawMemory.ALL, address);
    hidden.digest(lastDigest);
    return publish(HIDDEN_BYTES + payloadBytes);
  }

  @Override
  public boolean sendLayerDigest(SliceHeader whole, long digest) {
    int length = MessageHeaderEncoder.ENCODED_LENGTH + LayerDigestEncoder.BLOCK_LENGTH;
    if (!reserve(length)) {
      return false;
    }
    begin(layerDigest);
    layerDigest.sessionId(whole.sessionId).layer(whole.layer).state(whole.state).digest(digest);
    layerDigest.units(whole.count).position(whole.position);
    return publish(length);
  }

  @Override
  public boolean sendDone(
      long sessionId, long computeStartNs, long computeEndNs, int hiddenRows, long hiddenDigest) {
    int length = MessageHeaderEncoder.ENCODED_LENGTH + PrefillDoneEncoder.BLOCK_LENGTH;
    if (!reserve(length)) {
      return false;
    }
    begin(done);
    done.sessionId(sessionId).computeStartNs(computeStartNs).computeEndNs(computeEndNs);
    done.hiddenRows(hiddenRows).hiddenDigest(hiddenDigest);
    return publish(length);
  }

  private boolean reserve(int length) {
    ExclusivePublication stream = ready();
    int sentBytes = sealer == null ? length : length + SealedMessage.OVERHEAD_BYTES;
    if (sentBytes > stream.maxMessageLength()) {
      throw new IllegalArgumentException(
          "a row of "
              + sentBytes
              + " bytes is longer than the stream's limit of "
              + stream.maxMessageLength());
    }
    if (sentBytes > maxFramePayload) {
      claimed = false;
      // What is sealed must not be turned away: room for all of it, also behind a term's end.
      int leastWindow =
          sealer == null
              ? 0
              : LogBufferDescriptor.computeFragmentedFrameLength(sentBytes, maxFramePayload);
      return stream.availableWindow() > leastWindow;
    }
    long result = stream.tryClaim(sentBytes, claim);
    if (result == Publication.ADMIN_ACTION) {
      result = stream.tryClaim(sentBytes, claim);
    }
    later.note(result);
    claimed = result > 0;
    return claimed;
  }

  /** True when messages are written where they are sent from. */
  private boolean isInPlace() {
    return claimed && sealer == null;
  }

  private MutableDirectBuffer target() {
    return isInPlace() ? claim.buffer() : staging;
  }

  /**
   * Writes the header and wraps the block; returns where the payload goes, as an offset in the
   * target.
   */
  private int begin(MessageEncoderFlyweight message) {
    MutableDirectBuffer target = target();
    int at = isInPlace() ? claim.offset() : 0;
    header
        .wrap(target, at)
        .blockLength(message.sbeBlockLength())
        .templateId(message.sbeTemplateId())
        .schemaId(message.sbeSchemaId())
        .version(message.sbeSchemaVersion());
    int block = at + MessageHeaderEncoder.ENCODED_LENGTH;
    message.wrap(target, block);
    return block + message.sbeBlockLength();
  }

  private boolean publish(int length) {
    MessageSealer with = sealer;
    if (claimed) {
      if (with != null) {
        with.seal(staging, 0, length, claim.buffer(), claim.offset());
      }
      claim.commit();
      return true;
    }
    if (with == null) {
      return offer(staging, length);
    }
    // Until it is on its way: without it the peer would take none of those after it.
    lost = true;
    lost = !offer(sealed, with.seal(staging, 0, length, sealed, 0));
    return !lost;
  }

  private boolean offer(DirectBuffer message, int length) {
    long result = ready().offer(message, 0, length);
    if (result == Publication.ADMIN_ACTION) {
      result = ready().offer(message, 0, length);
    }
    later.note(result);
    return result > 0;
  }

  private void abandonUnless(boolean written) {
    if (!written && claimed) {
      claim.abort();
    }
  }

  private ExclusivePublication ready() {
    if (publication == null) {
      throw new IllegalStateException("the KV stream is not open yet");
    }
    return publication;
  }
}
