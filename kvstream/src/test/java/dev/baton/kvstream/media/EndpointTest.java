package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.kvstream.session.PatternKv;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.nio.channels.DatagramChannel;
import java.security.SecureRandom;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Endpoints as users write them and as nodes reach each other by them. */
@Timeout(60)
class EndpointTest {
  private static final ClusterKey KEY = ClusterKey.random(new SecureRandom());

  @Test
  void shouldReachANodeAtTheIpv6Loopback() {
    assumeTrue(canBind("::1"), "no IPv6 here");
    assertTransfer("[::1]:0", null);
  }

  @Test
  void shouldReachANodeAtALinkLocalAddressBehindItsInterface() throws IOException {
    Optional<Inet6Address> local =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(address -> address.isLinkLocalAddress() && address instanceof Inet6Address)
            .map(Inet6Address.class::cast)
            .findFirst();
    assumeTrue(local.isPresent(), "no interface has a link-local IPv6 address");
    assertTransfer("[" + local.orElseThrow().getHostAddress() + "]:0", KEY);
  }

  private static void assertTransfer(String listen, ClusterKey key) {
    NodeIdentity node = Nodes.node();
    StreamConfig.Builder config = StreamConfig.builder().clusterKey(key);
    try (PatternPrefill prefill = new PatternPrefill(node);
        StreamNode sending = StreamNode.launch(config.listen(listen).build(), node, prefill);
        StreamNode receiving =
            StreamNode.launch(
                StreamNode.reachedFrom(config.listen(null).build(), sending.endpoint()),
                node,
                null);
        PrefillPeer peer = receiving.connect(sending.endpoint())) {
      PatternKv sink = new PatternKv(node.states(), 300);
      KvReceiver receiver = peer.order(Nodes.order(1, 300, 0, 5, 64), sink);
      Nodes.awaitWhole(receiver);
      assertTrue(sink.equals(PatternKv.filled(node.states(), 300, 1), 5, 0, 300));
      receiver.close();
    }
  }

  @Test
  void shouldTryEachAddressOfAName() throws IOException {
    InetAddress[] both = InetAddress.getAllByName("localhost");
    assumeTrue(both.length > 1, "localhost has one address here");
    NodeIdentity node = Nodes.node();
    for (InetAddress one : both) {
      String host = one instanceof Inet6Address ? "[::1]" : "127.0.0.1";
      StreamConfig config = StreamConfig.builder().listen(host + ":0").build();
      try (PatternPrefill prefill = new PatternPrefill(node);
          StreamNode sending = StreamNode.launch(config, node, prefill);
          StreamNode receiving = StreamNode.launch(StreamConfig.builder().build(), node, null);
          PrefillPeer peer = receiving.connect("localhost:" + portOf(sending.endpoint()))) {
        assertTrue(peer.isAlive());
      }
    }
  }

  private static String portOf(String endpoint) {
    return endpoint.substring(endpoint.lastIndexOf(':') + 1);
  }

  @Test
  void shouldListenWhereThePeerReachesItWhenNothingWasSaidAndThereIsAKey() {
    StreamConfig open = StreamConfig.builder().build();
    assertEquals(null, StreamNode.reachedFrom(open, "192.0.2.1:4400").listen());
    StreamConfig keyed = StreamConfig.builder().clusterKey(KEY).build();
    assertEquals(null, StreamNode.reachedFrom(keyed, "127.0.0.1:4400").listen());
    assumeTrue(hasWayTo("192.0.2.1"), "this machine has no network");
    Endpoint listen =
        Endpoint.parse(String.valueOf(StreamNode.reachedFrom(keyed, "192.0.2.1:4400").listen()));
    assertTrue(listen.port() == 0 && !listen.isLoopback(), listen::toString);
  }

  @Test
  void shouldSayThatALinkLocalAddressNeedsItsInterface() {
    StreamException refused =
        assertThrows(StreamException.class, () -> Endpoint.parse("[fe80::1234]:4400"));
    assertTrue(refused.getMessage().contains("[fe80::1234%eth0]:4400"), refused::getMessage);
  }

  @Test
  void shouldWriteAnIpv6AddressBriefly() {
    assertEquals("[::1]:7001", Endpoint.parse("[::1]:7001").toString());
    assertEquals("[fd00::2:0:0:1]:1", Endpoint.parse("[fd00:0:0:0:2:0:0:1]:1").toString());
    assertEquals("[::]:0", Endpoint.parse("[::]:0").toString());
    assertEquals("[1:2:3:4:5:6:7:8]:9", Endpoint.parse("[1:2:3:4:5:6:7:8]:9").toString());
  }

  @Test
  void shouldReadHowAeronNamesASource() {
    assertEquals("[::1]:52487", Endpoint.parseSource("0:0:0:0:0:0:0:1:52487").toString());
    assertEquals("127.0.0.1:44370", Endpoint.parseSource("127.0.0.1:44370").toString());
  }

  @Test
  void shouldSayWhichAdvertisedHostIsUnknown() {
    StreamConfig config = StreamConfig.builder().advertise("no-such-host.invalid:1").build();
    StreamException refused =
        assertThrows(
            StreamException.class, () -> StreamNode.launch(config, Nodes.node(), null).close());
    assertTrue(refused.getMessage().contains("no-such-host.invalid"), refused::getMessage);
  }

  private static boolean canBind(String host) {
    try (DatagramChannel probe = DatagramChannel.open()) {
      probe.bind(new InetSocketAddress(InetAddress.ofLiteral(host), 0));
      return true;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  private static boolean hasWayTo(String host) {
    try (DatagramChannel probe = DatagramChannel.open()) {
      probe.connect(new InetSocketAddress(InetAddress.ofLiteral(host), 1));
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
