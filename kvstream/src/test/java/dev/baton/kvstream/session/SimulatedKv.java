package dev.baton.kvstream.session;

import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.KvSource;
import dev.baton.kvstream.codec.HiddenRowsEncoder;
import dev.baton.kvstream.codec.KvSliceEncoder;
import dev.baton.kvstream.codec.LayerDigestEncoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.PrefillDoneEncoder;
import dev.baton.kvstream.seal.MessageSealer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.sbe.MessageEncoderFlyweight;

/** A KV stream in memory: writes what is sent as real messages, and gives them to a wire. */
public final class SimulatedKv implements KvStream {
  private static final int HEADER = MessageHeaderEncoder.ENCODED_LENGTH;

  /** Takes messages, or not. */
  public interface Wire {
    boolean mayTake();

    void take(UnsafeBuffer message, int length);
  }

  private final int streamSession;
  private final int unitsPerMessage;
  private final Wire wire;
  private final UnsafeBuffer message = new UnsafeBuffer(ByteBuffer.allocateDirect(1 << 16));
  private final KvSliceEncoder slice = new KvSliceEncoder();
  private final HiddenRowsEncoder rows = new HiddenRowsEncoder();
  private final LayerDigestEncoder layerDigest = new LayerDigestEncoder();
  private final PrefillDoneEncoder done = new PrefillDoneEncoder();
  private long lastDigest;
  private boolean opened;
  private boolean closed;

  public SimulatedKv(int streamSession, int unitsPerMessage, Wire wire) {
    this.streamSession = streamSession;
    this.unitsPerMessage = unitsPerMessage;
    this.wire = wire;
  }

  @Override
  public void open() {
    opened = true;
  }

  @Override
  public boolean isReady() {
    return opened;
  }

  @Override
  public String trouble() {
    return "none";
  }

  @Override
  public int streamSession() {
    return streamSession;
  }

  @Override
  public boolean isBroken() {
    return false;
  }

  @Override
  public void close() {
    closed = true;
  }

  @Override
  public void seal(MessageSealer sealer) {
    throw new UnsupportedOperationException("no key here");
  }

  @Override
  public int unitsPerSlice(int unitBytes) {
    return unitsPerMessage;
  }

  @Override
  public int rowsPerMessage(int rowBytes) {
    return unitsPerMessage;
  }

  @Override
  public long lastDigest() {
    return lastDigest;
  }

  private boolean cannot() {
    return closed || !opened || !wire.mayTake();
  }

  private long begin(MessageEncoderFlyweight what) {
    new MessageHeaderEncoder()
        .wrap(message, 0)
        .blockLength(what.sbeBlockLength())
        .templateId(what.sbeTemplateId())
        .schemaId(what.sbeSchemaId())
        .version(what.sbeSchemaVersion());
    what.wrap(message, HEADER);
    return message.addressOffset() + HEADER + what.sbeBlockLength();
  }

  private boolean send(MessageEncoderFlyweight what, int payloadBytes) {
    wire.take(message, HEADER + what.sbeBlockLength() + payloadBytes);
    return true;
  }

  @Override
  public boolean sendSlice(SliceHeader what, KvSource source, int payloadBytes) {
    if (cannot()) {
      return false;
    }
    long at = begin(slice);
    slice.sessionId(what.sessionId).layer(what.layer).state(what.state);
    slice.first(what.first).units(what.count).position(what.position);
    if (!what.export(source, payloadBytes, at)) {
      return false;
    }
    lastDigest = what.digest;
    slice.digest(lastDigest);
    return send(slice, payloadBytes);
  }

  @Override
  public boolean sendHidden(SliceHeader what, MemorySegment src, long offset, int rowBytes) {
    if (cannot()) {
      return false;
    }
    long at = begin(rows);
    int bytes = what.count * rowBytes;
    MemorySegment.copy(src, offset, RawMemory.ALL, at, bytes);
    lastDigest =
        RowDigest.ofHidden(what.layer, what.first, what.count, rowBytes, RawMemory.ALL, at);
    rows.sessionId(what.sessionId).digest(lastDigest).firstToken(what.first).tokens(what.count);
    return send(rows, bytes);
  }

  @Override
  public boolean sendLayerDigest(SliceHeader whole, long digest) {
    if (cannot()) {
      return false;
    }
    begin(layerDigest);
    layerDigest.sessionId(whole.sessionId).digest(digest).layer(whole.layer).state(whole.state);
    layerDigest.units(whole.count).position(whole.position);
    return send(layerDigest, 0);
  }

  @Override
  public boolean sendDone(
      long sessionId, long computeStartNs, long computeEndNs, int hiddenRows, long hiddenDigest) {
    if (cannot()) {
      return false;
    }
    begin(done);
    done.sessionId(sessionId).computeStartNs(computeStartNs).computeEndNs(computeEndNs);
    done.hiddenRows(hiddenRows).hiddenDigest(hiddenDigest);
    return send(done, 0);
  }
}
