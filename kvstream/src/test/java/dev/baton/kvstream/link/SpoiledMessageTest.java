package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.session.PatternKv;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two nodes with a cluster key, and in between somebody who changes sealed messages: that is what
 * an injected datagram does as well, for the true one after it comes too late.
 */
@Timeout(60)
class SpoiledMessageTest {
  private static final ClusterKey KEY = ClusterKey.random(new SecureRandom());
  private static final Consumer<ByteBuffer> NOTHING = datagram -> {};
  private static final int CONTROL = 1;
  private static final int KV = 2;

  private static void transfer(Consumer<ByteBuffer> toPrefill, Consumer<ByteBuffer> toDecode)
      throws Exception {
    StreamConfig.Builder config =
        StreamConfig.builder().clusterKey(KEY).mtuBytes(1408).leaseNs(TimeUnit.SECONDS.toNanos(4));
    NodeIdentity node = Nodes.node();
    int port = freePort();
    try (PatternPrefill prefill = new PatternPrefill(node);
        StreamNode sending =
            StreamNode.launch(config.listen("127.0.0.1:0").build(), node, prefill);
        SpoilingRelay there = new SpoilingRelay(0, address(sending), toPrefill);
        StreamNode receiving =
            StreamNode.launch(
                config.listen("127.0.0.1:0").advertise("127.0.0.1:" + port).build(), node, null);
        SpoilingRelay _ = new SpoilingRelay(port, address(receiving), toDecode);
        PrefillPeer peer = receiving.connect(there.endpoint())) {
      prefill.nsPerSlice = TimeUnit.MILLISECONDS.toNanos(1);
      for (int id = 1; id <= 3; id++) {
        PatternKv sink = new PatternKv(Nodes.SMALL, 1000);
        try (KvReceiver receiver = peer.order(Nodes.order(id, 1000, 0, 5, 50), sink)) {
          Nodes.awaitWhole(receiver);
          assertNull(receiver.failure());
        }
        assertTrue(sink.equals(PatternKv.filled(Nodes.SMALL, 1000, id), 5, 0, 1000));
      }
      assertTrue(peer.isAlive(), peer::lostReason);
    }
  }

  private static int freePort() throws IOException {
    try (DatagramSocket probe = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    }
  }

  private static InetSocketAddress address(StreamNode node) {
    return Endpoint.parse(node.endpoint()).socketAddress();
  }

  @Test
  void shouldAskAgainForKvThatWasSpoiled() throws Exception {
    transfer(NOTHING, SpoilingRelay.spoilingEvery(23, KV));
  }

  @Test
  void shouldAskAgainWhenTheVeryLastMessageOfKvWasSpoiled() throws Exception {
    int[] done = new int[1];
    transfer(
        NOTHING,
        datagram -> {
          // A transfer ends with short messages: the layers' digests, and that all was sent.
          int length = datagram.remaining();
          boolean isShort = length > 72 && length <= 700 && datagram.getShort(6) == 1;
          if (isShort && datagram.getInt(16) == KV && done[0]++ % 7 < 3) {
            datagram.put(length - 50, (byte) ~datagram.get(length - 50));
          }
        });
  }

  @Test
  void shouldGoOnOverANewConnectionWhenWhatWasSaidToThePrefillNodeWasSpoiled() throws Exception {
    transfer(SpoilingRelay.spoilingEvery(9, CONTROL), NOTHING);
  }

  @Test
  void shouldGoOnOverANewConnectionWhenWhatThePrefillNodeSaidWasSpoiled() throws Exception {
    transfer(NOTHING, SpoilingRelay.spoilingEvery(7, CONTROL));
  }
}
