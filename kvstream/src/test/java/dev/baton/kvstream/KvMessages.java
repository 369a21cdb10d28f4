package dev.baton.kvstream;

import dev.baton.kernel.RowDigest;
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
final class KvMessages {
  final UnsafeBuffer buffer = new UnsafeBuffer(ByteBuffer.allocateDirect(1 << 20));
  private final NodeIdentity node;
  private final PrefillOrder order;
  private final PatternKv kv;
  private final MemorySegment hidden;
  private final KvSliceEncoder slice = new KvSliceEncoder();
  private final HiddenRowsEncoder rows = new HiddenRowsEncoder();
  private final LayerDigestEncoder layerDigest = new LayerDigestEncoder();
  private final PrefillDoneEncoder done = new PrefillDoneEncoder();

  KvMessages(NodeIdentity node, PrefillOrder order) {
    this.node = node;
    this.order = order;
    this.kv = PatternKv.filled(node.geometry(), order.tokens().length, order.sessionId());
    this.hidden = PatternPrefill.hidden(node, order.tokens().length, order.sessionId());
  }

  PatternKv kv() {
    return kv;
  }

  MemorySegment hidden() {
    return hidden;
  }

  /** The last message's payload begins here. */
  int payloadOffset() {
    return MessageHeaderEncoder.ENCODED_LENGTH + slice.sbeBlockLength();
  }

  int slice(int layer, int first, int tokens) {
    begin(slice);
    int bytes = tokens * node.geometry().tokenBytes();
    int at = MessageHeaderEncoder.ENCODED_LENGTH + slice.sbeBlockLength();
    long digest = kv.exportSlice(layer, first, tokens, RawMemory.ALL, buffer.addressOffset() + at);
    slice.sessionId(order.sessionId()).layer(layer).firstToken(first).tokens(tokens).reserved(0);
    slice.digest(digest);
    return at + bytes;
  }

  private long digest(int layer, int first, int tokens, int at) {
    int row = node.geometry().tokenBytes() / 2;
    return RowDigest.ofSlice(layer, first, tokens, row, RawMemory.ALL, buffer.addressOffset() + at);
  }

  int hidden(int first, int tokens) {
    begin(rows);
    int row = node.hiddenDim() * Float.BYTES;
    int at = MessageHeaderEncoder.ENCODED_LENGTH + rows.sbeBlockLength();
    long address = buffer.addressOffset() + at;
    MemorySegment.copy(hidden, (long) first * row, RawMemory.ALL, address, (long) tokens * row);
    rows.sessionId(order.sessionId()).firstToken(first).tokens(tokens);
    rows.digest(
        RowDigest.ofHidden(order.boundaryLayer(), first, tokens, row, RawMemory.ALL, address));
    return at + tokens * row;
  }

  int layerDigest(int layer, long change) {
    int first = order.firstToken();
    int tokens = order.tokens().length - first;
    slice(layer, first, tokens);
    long digest = digest(layer, first, tokens, payloadOffset());
    begin(layerDigest);
    layerDigest.sessionId(order.sessionId()).layer(layer).tokens(tokens).digest(digest + change);
    return MessageHeaderEncoder.ENCODED_LENGTH + layerDigest.sbeBlockLength();
  }

  int done() {
    int end = order.tokens().length;
    int first = order.boundaryLayer() < node.geometry().layers() ? order.firstToken() : end - 1;
    hidden(first, end - first);
    int row = node.hiddenDim() * Float.BYTES;
    long at = buffer.addressOffset() + MessageHeaderEncoder.ENCODED_LENGTH + rows.sbeBlockLength();
    long digest =
        RowDigest.ofHidden(order.boundaryLayer(), first, end - first, row, RawMemory.ALL, at);
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
