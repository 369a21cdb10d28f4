package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
    PatternKv sink = new PatternKv(node.geometry(), order.tokens().length);
    check(order, peer.order(order, sink), sink);
  }

  void check(PrefillOrder order, KvReceiver receiver, PatternKv sink) {
    Nodes.awaitWhole(receiver);
    int end = order.tokens().length;
    PatternKv sent = PatternKv.filled(node.geometry(), end, order.sessionId());
    assertTrue(sink.equals(sent, order.boundaryLayer(), order.firstToken(), end));
    boolean all = order.boundaryLayer() < node.geometry().layers();
    int first = all ? order.firstToken() : end - 1;
    long row = (long) node.hiddenDim() * Float.BYTES;
    MemorySegment hidden = PatternPrefill.hidden(node, end, order.sessionId());
    assertEquals(-1, hidden.asSlice(first * row).mismatch(receiver.hiddenRows()));
    assertEquals(end, receiver.hiddenTokens());
    assertEquals(end, receiver.coveredTokens());
    int tokens = end - order.firstToken();
    assertEquals(
        (long) tokens * order.boundaryLayer() * node.geometry().tokenBytes(),
        receiver.report().kvBytes());
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
