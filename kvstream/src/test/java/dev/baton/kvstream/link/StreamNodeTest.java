package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import dev.baton.kvstream.session.PatternKv;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StreamNodeTest {
  @Test
  void shouldCarryEveryByteOfAPromptsKvAndItsLastHiddenRow() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      pair.transfer(Nodes.order(1, 1000, 0, 5, 128));
    }
  }

  @Test
  void shouldCarryHiddenRowsOfAllTokensWhenTheBoundaryIsBelowTheLastLayer() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      for (int boundary = 1; boundary < 5; boundary++) {
        pair.transfer(Nodes.order(boundary, 333, 40, boundary, 64));
      }
    }
  }

  @Test
  void shouldCarryOnePromptTokenAndOddChunks() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      pair.transfer(Nodes.order(1, 1, 0, 5, 1));
      pair.transfer(Nodes.order(2, 2, 1, 3, 7));
      pair.transfer(Nodes.order(3, 129, 128, 5, 1));
      pair.transfer(Nodes.order(4, 65, 0, 5, 7));
    }
  }

  @Test
  void shouldCarryTokensLargerThanAFrame() {
    NodeIdentity node = Nodes.node(new KvGeometry(2, 32, 128), 2048, 4096);
    try (NodePair pair = new NodePair(node, StreamConfig.builder().mtuBytes(1408))) {
      pair.transfer(Nodes.order(1, 50, 0, 1, 16));
      pair.transfer(Nodes.order(2, 50, 0, 2, 16));
    }
  }

  @Test
  void shouldCarrySessionsSideBySide() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      List<PatternKv> sinks = new ArrayList<>();
      List<KvReceiver> receivers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        sinks.add(new PatternKv(node.states(), 500 + i));
        receivers.add(pair.peer.order(Nodes.order(i, 500 + i, i, 1 + i % 5, 33), sinks.get(i)));
      }
      for (int i = 0; i < 8; i++) {
        pair.check(Nodes.order(i, 500 + i, i, 1 + i % 5, 33), receivers.get(i), sinks.get(i));
      }
      assertTrue(Nodes.await(() -> pair.prefill.released.size() == 8, 2000));
    }
  }

  @Test
  void shouldSeeMostOfTheKvArriveWhileThePrefillStillComputes() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      pair.prefill.nsPerSlice = TimeUnit.MILLISECONDS.toNanos(1);
      PatternKv sink = new PatternKv(node.states(), 1000);
      KvReceiver receiver = pair.peer.order(Nodes.order(1, 1000, 0, 5, 10), sink);
      Nodes.awaitWhole(receiver);
      TransferReport report = receiver.report();
      assertTrue(report.hiddenShare() > 0.9 && report.hiddenShare() <= 1, report::toString);
      assertTrue(
          report.orderedNs() - report.clockErrorNs() <= report.computeStartNs(), report::toString);
      assertTrue(
          report.computeStartNs() - report.clockErrorNs() <= report.firstByteNs(),
          report::toString);
      assertTrue(
          report.computeEndNs() - report.clockErrorNs() <= report.lastByteNs(), report::toString);
      pair.check(Nodes.order(1, 1000, 0, 5, 10), receiver, sink);
    }
  }

  @Test
  void shouldFeedSeveralDecodeNodesFromOnePrefillNode() {
    NodeIdentity node = Nodes.node();
    try (NodePair first = new NodePair(node, StreamConfig.builder());
        StreamNode secondNode = StreamNode.launch(StreamConfig.builder().build(), node, null);
        StreamNode thirdNode = StreamNode.launch(StreamConfig.builder().build(), node, null);
        PrefillPeer second = secondNode.connect(first.sending.endpoint());
        PrefillPeer third = thirdNode.connect(first.sending.endpoint())) {
      List<PrefillPeer> peers = List.of(first.peer, second, third);
      List<PatternKv> sinks = new ArrayList<>();
      List<KvReceiver> receivers = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        sinks.add(new PatternKv(node.states(), 700));
        // Session ids are the decode node's own: the same ones at each are no quarrel.
        receivers.add(peers.get(i % 3).order(Nodes.order(i / 3, 700, 0, 5, 50), sinks.get(i)));
      }
      for (int i = 0; i < 9; i++) {
        first.check(Nodes.order(i / 3, 700, 0, 5, 50), receivers.get(i), sinks.get(i));
      }
      assertTrue(Nodes.await(() -> first.prefill.released.size() == 9, 2000));
    }
  }

  @Test
  void shouldFeedOneDecodeNodeFromSeveralPrefillNodes() {
    NodeIdentity node = Nodes.node();
    try (NodePair first = new NodePair(node, StreamConfig.builder());
        PatternPrefill prefill = new PatternPrefill(node);
        StreamNode other =
            StreamNode.launch(StreamConfig.builder().listen("127.0.0.1:0").build(), node, prefill);
        PrefillPeer second = first.receiving.connect(other.endpoint())) {
      List<PatternKv> sinks = new ArrayList<>();
      List<KvReceiver> receivers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        sinks.add(new PatternKv(node.states(), 700));
        PrefillPeer peer = i % 2 == 0 ? first.peer : second;
        receivers.add(peer.order(Nodes.order(i / 2, 700, 0, 5, 50), sinks.get(i)));
      }
      for (int i = 0; i < 6; i++) {
        first.check(Nodes.order(i / 2, 700, 0, 5, 50), receivers.get(i), sinks.get(i));
      }
      assertTrue(Nodes.await(() -> prefill.released.size() == 3, 2000));
    }
  }

  @Test
  void shouldKeepWhatArrivedWhenWhereThatIsWanted() {
    NodeIdentity node = Nodes.node();
    try (NodePair pair = new NodePair(node, StreamConfig.builder().trace(true))) {
      pair.prefill.nsPerSlice = TimeUnit.MILLISECONDS.toNanos(1);
      PatternKv sink = new PatternKv(node.states(), 100);
      KvReceiver receiver = pair.peer.order(Nodes.order(1, 100, 0, 5, 20), sink);
      Nodes.awaitWhole(receiver);
      List<TransferTrace.Arrival> arrivals = Objects.requireNonNull(receiver.trace()).arrivals();
      assertEquals(
          500,
          arrivals.stream()
              .filter(arrival -> arrival.layer() != TransferTrace.HIDDEN)
              .mapToInt(TransferTrace.Arrival::tokens)
              .sum());
      assertEquals(
          receiver.report().kvBytes() + receiver.report().hiddenBytes(),
          arrivals.stream().mapToLong(TransferTrace.Arrival::bytes).sum());
      // The report's is the last and best alignment; those before may have been worse.
      long errorNs = receiver.report().clockErrorNs() + TimeUnit.MILLISECONDS.toNanos(1);
      for (TransferTrace.Arrival arrival : arrivals) {
        assertTrue(
            arrival.readyNs() <= arrival.sentNs()
                && arrival.sentNs() - errorNs <= arrival.receivedNs(),
            arrival::toString);
      }
      pair.check(Nodes.order(1, 100, 0, 5, 20), receiver, sink);
    }
  }
}
