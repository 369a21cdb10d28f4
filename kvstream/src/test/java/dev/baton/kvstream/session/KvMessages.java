package dev.baton.kvstream.session;

import dev.baton.kernel.RowDigest;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.codec.HiddenRowsEncoder;
import dev.baton.kvstream.codec.KvSliceEncoder;
import dev.baton.kvstream.codec.LayerDigestEncoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import dev.baton.kvstream.codec.PrefillDoneEncoder;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.sbe.MessageEncoderFlyweight;

/** Writes KV messages as a sender would, one at a time, for tests that play the sender. */
public final class KvMessages {
  public final UnsafeBuffer buffer = new UnsafeBuffer(ByteBuffer.allocateDirect(1 << 20));
  private final NodeIdentity node;
  private final PrefillOrder order;
  private final PatternKv kv;
  private final MemorySegment hidden;
  private final KvSliceEncoder slice = new KvSliceEncoder();
  private final HiddenRowsEncoder rows = new HiddenRowsEncoder();
  private final LayerDigestEncoder layerDigest = new LayerDigestEncoder();
  private final PrefillDoneEncoder done = new PrefillDoneEncoder();

  public KvMessages(NodeIdentity node, PrefillOrder order) {
    this.node = node;
    this.order = order;
    this.kv = PatternKv.filled(node.states(), order.tokens().length, order.sessionId());
    this.hidden =
        PatternPrefill.hidden(
            node, order.stage().toLayer(), order.tokens().length, order.sessionId());
  }

  public PatternKv kv() {
    return kv;
  }

  public MemorySegment hidden() {
    return hidden;
  }

  /** The last message's payload begins here. */
  public int payloadOffset() {
    return MessageHeaderEncoder.ENCODED_LENGTH + slice.sbeBlockLength();
  }

  public int slice(int layer, int first, int tokens) {
    return slice(layer, 0, first, tokens, 0);
  }

  /** Of any kind of state. */
  public int slice(int layer, int state, int first, int count, int position) {
    begin(slice);
    StateSlots slots = new StateSlots(order, node.states());
    StateSlots.Slot slot = slots.get(slots.find(layer, state));
    int bytes = (int) slot.payloadBytes(first, count);
    int at = payloadOffset();
    long address = buffer.addressOffset() + at;
    if (slot.isFixed()) {
      int from = first * StateSlots.PIECE_BYTES;
      kv.exportFixed(layer, state, position, from, bytes, RawMemory.ALL, address);
    } else {
      kv.exportSlice(layer, state, first, count, RawMemory.ALL, address);
    }
    slice.sessionId(order.sessionId()).layer(layer).state(state).first(first).units(count);
    slice.position(position).digest(slot.digest(position, first, count, RawMemory.ALL, address));
    return at + bytes;
  }

  public int hidden(int first, int tokens) {
    begin(rows);
    int row = node.states().boundaryBytes(order.stage().toLayer());
    int at = MessageHeaderEncoder.ENCODED_LENGTH + rows.sbeBlockLength();
    long address = buffer.addressOffset() + at;
    MemorySegment.copy(hidden, (long) first * row, RawMemory.ALL, address, (long) tokens * row);
    rows.sessionId(order.sessionId()).firstToken(first).tokens(tokens);
    rows.digest(
        RowDigest.ofHidden(order.stage().toLayer(), first, tokens, row, RawMemory.ALL, address));
    return at + tokens * row;
  }

  public int layerDigest(int layer, long change) {
    return layerDigest(layer, 0, 0, change);
  }

  /** Of any kind of state. */
  public int layerDigest(int layer, int state, int position, long change) {
    StateSlots slots = new StateSlots(order, node.states());
    StateSlots.Slot slot = slots.get(slots.find(layer, state));
    long digest = 0;
    if (slot.units() > 0) {
      slice(layer, state, slot.first(), slot.units(), position);
      long address = buffer.addressOffset() + payloadOffset();
      digest = slot.digest(position, slot.first(), slot.units(), RawMemory.ALL, address);
    }
    begin(layerDigest);
    layerDigest.sessionId(order.sessionId()).layer(layer).state(state).position(position);
    layerDigest.units(slot.units()).digest(digest + change);
    return MessageHeaderEncoder.ENCODED_LENGTH + layerDigest.sbeBlockLength();
  }

  public int done() {
    int end = order.tokens().length;
    int first = order.firstRow();
    hidden(first, end - first);
    int row = node.states().boundaryBytes(order.stage().toLayer());
    long at = buffer.addressOffset() + MessageHeaderEncoder.ENCODED_LENGTH + rows.sbeBlockLength();
    long digest =
        RowDigest.ofHidden(order.stage().toLayer(), first, end - first, row, RawMemory.ALL, at);
    begin(done);
    done.sessionId(order.sessionId())
        .computeStartNs(1)
        .computeEndNs(2)
        .hiddenRows(end - first)
        .hiddenDigest(digest);
    return MessageHeaderEncoder.ENCODED_LENGTH + done.sbeBlockLength();
  }

  private void begin(MessageEncoderFlyweight message) {
    new MessageHeaderEncoder()
        .wrap(buffer, 0)
        .blockLength(message.sbeBlockLength())
        .templateId(message.sbeTemplateId())
        .schemaId(message.sbeSchemaId())
        .version(message.sbeSchemaVersion());
    message.wrap(buffer, MessageHeaderEncoder.ENCODED_LENGTH);
  }
}
