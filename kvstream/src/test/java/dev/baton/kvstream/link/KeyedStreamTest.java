package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.media.PendingPublication;
import dev.baton.kvstream.message.ControlWriter;
import java.security.SecureRandom;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two nodes with cluster keys, in this process. */
@Timeout(60)
class KeyedStreamTest {
  private static final ClusterKey KEY = ClusterKey.random(new SecureRandom());

  private static StreamConfig.Builder config() {
    return StreamConfig.builder().clusterKey(KEY);
  }

  @ParameterizedTest
  @ValueSource(ints = {1408, 8192, 65504})
  void shouldCarryEveryByteSealed(int mtuBytes) {
    try (NodePair pair = new NodePair(Nodes.node(), config().mtuBytes(mtuBytes))) {
      pair.transfer(Nodes.order(1, 1, 0, 5, 1));
      pair.transfer(Nodes.order(2, 1000, 0, 5, 128));
      pair.transfer(Nodes.order(3, 333, 40, 2, 64));
    }
  }

  @Test
  void shouldCarrySealedTokensLargerThanAFrameAndThanATermsRest() {
    NodeIdentity node = Nodes.node(new KvGeometry(2, 32, 128), 2048, 4096);
    try (NodePair pair = new NodePair(node, config().mtuBytes(1408).kvTermBytes(256 * 1024))) {
      pair.transfer(Nodes.order(1, 300, 0, 1, 16));
      pair.transfer(Nodes.order(2, 300, 0, 2, 16));
    }
  }

  @Test
  void shouldListenToOtherMachinesWithAKey() {
    StreamConfig open = config().listen("0.0.0.0:0").build();
    try (StreamNode node = StreamNode.launch(open, Nodes.node(), null);
        StreamNode loopback = StreamNode.launch(config().build(), Nodes.node(), null)) {
      assertTrue(node.endpoint().startsWith("0.0.0.0:"), node.endpoint());
      String message =
          String.valueOf(
              assertThrows(StreamException.class, () -> loopback.connect("192.0.2.1:7001"))
                  .getMessage());
      assertTrue(message.endsWith("choose where it reaches this node with --listen"), message);
    }
  }

  @Test
  void shouldSayOnBothSidesWhichOneLacksTheKey() {
    assertEquals(
        "it needs a cluster key and this node has none: start both with the same"
            + " BATON_CLUSTER_KEY_FILE",
        refusal(KEY, null));
    assertEquals(
        "it has no cluster key and this node has one: start both with the same"
            + " BATON_CLUSTER_KEY_FILE",
        refusal(null, KEY));
    assertEquals(
        "its cluster key is another one: start both with the same BATON_CLUSTER_KEY_FILE",
        refusal(KEY, ClusterKey.random(new SecureRandom())));
  }

  private static String refusal(@Nullable ClusterKey prefill, @Nullable ClusterKey decode) {
    StreamConfig.Builder config = StreamConfig.builder();
    try (PatternPrefill pattern = new PatternPrefill(Nodes.node());
        StreamNode sending =
            StreamNode.launch(
                config.listen("127.0.0.1:0").clusterKey(prefill).build(), Nodes.node(), pattern);
        StreamNode receiving =
            StreamNode.launch(config.listen(null).clusterKey(decode).build(), Nodes.node(), null)) {
      String message =
          String.valueOf(
              assertThrows(StreamException.class, () -> receiving.connect(sending.endpoint()))
                  .getMessage());
      String start = "the prefill node at " + sending.endpoint() + " cannot be used: ";
      assertTrue(message.startsWith(start), message);
      return message.substring(start.length());
    }
  }

  @Test
  void shouldSendARefusalToNobodyButWhoAsked() {
    try (StreamNode node =
            StreamNode.launch(config().listen("127.0.0.1:0").build(), Nodes.node(), null);
        HandMadeNode stranger = new HandMadeNode("127.0.0.1:0");
        HandMadeNode victim = new HandMadeNode("127.0.0.2:0")) {
      ControlWriter writer = new ControlWriter();
      PendingPublication first = stranger.media.control(Endpoint.parse(node.endpoint()));
      int spoofed = hello(writer, victim.media.endpoint());
      assertTrue(stranger.await(() -> first.offer(writer.buffer(), spoofed)));
      stranger.await(() -> false, 100);
      assertFalse(victim.await(() -> victim.reply != null, 1000));
      PendingPublication second = stranger.media.control(Endpoint.parse(node.endpoint()));
      int honest = hello(writer, stranger.media.endpoint());
      assertTrue(stranger.await(() -> second.offer(writer.buffer(), honest)));
      assertTrue(stranger.await(() -> stranger.reply != null));
      assertNull(victim.reply);
      assertEquals(HelloOutcome.NEEDS_KEY, Objects.requireNonNull(stranger.reply).outcome());
    }
  }

  private static int hello(ControlWriter writer, String replyTo) {
    return writer.hello(5, 0, StreamConfig.MIN_LEASE_NS, 0, Nodes.node(), replyTo);
  }
}
