package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.session.PatternKv;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A prefill and a decode node in this process, acquainted. */
final class NodePair implements AutoCloseable {
  final NodeIdentity node;
  final PatternPrefill prefill;
  final StreamNode sending;
  final StreamNode receiving;
  final PrefillPeer peer;

  NodePair(NodeIdentity node, StreamConfig.Builder config) {
    this.node = node;
    this.prefill = new PatternPrefill(node);
    this.sending = StreamNode.launch(config.listen("127.0.0.1:0").build(), node, prefill);
    this.receiving = StreamNode.launch(config.listen(null).build(), node, null);
    this.peer = receiving.connect(sending.endpoint());
  }

  void transfer(PrefillOrder order) {
    PatternKv sink = new PatternKv(node.states(), order.tokens().length);
    check(order, peer.order(order, sink), sink);
  }

  void check(PrefillOrder order, KvReceiver receiver, PatternKv sink) {
    Nodes.awaitWhole(receiver);
    int end = order.tokens().length;
    PatternKv sent = PatternKv.filled(node.states(), end, order.sessionId());
    assertNull(sink.mismatch(sent, order));
    int first = order.firstRow();
    int boundary = order.stage().toLayer();
    long row = node.states().boundaryBytes(boundary);
    MemorySegment hidden = PatternPrefill.hidden(node, boundary, end, order.sessionId());
    MemorySegment arrived = Arena.ofAuto().allocate((end - first) * row, 64);
    receiver.copyHidden(first, end - first, arrived, 0);
    assertEquals(-1, hidden.asSlice(first * row).mismatch(arrived));
    assertEquals(end, receiver.hiddenTokens());
    assertEquals(end, receiver.coveredTokens());
    long orderedKv = receiver.orderedBytes() - (end - first) * row;
    long kvBytes = receiver.report().kvBytes();
    if (PatternKv.hasFixed(order, node.states())) {
      assertTrue(kvBytes >= orderedKv, "a fixed state may come at several positions");
    } else {
      assertEquals(orderedKv, kvBytes);
    }
    assertEquals((end - first) * row, receiver.report().hiddenBytes());
    receiver.close();
  }

  @Override
  public void close() {
    peer.close();
    receiving.close();
    sending.close();
    prefill.close();
  }
}
