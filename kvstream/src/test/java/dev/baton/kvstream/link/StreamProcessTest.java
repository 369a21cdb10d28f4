package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.session.PatternKv;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A prefill node in a real second process, killed, stopped, and started without what it needs. */
@Timeout(60)
class StreamProcessTest {
  private static final long LEASE_NS = TimeUnit.MILLISECONDS.toNanos(2000);

  @TempDir Path parent;

  private StreamNode decodeNode() {
    StreamConfig config = StreamConfig.builder().directoryParent(parent).leaseNs(LEASE_NS).build();
    return StreamNode.launch(config, Nodes.node(), null);
  }

  private static KvReceiver begun(PrefillPeer peer, PatternKv sink) {
    KvReceiver receiver = peer.order(Nodes.order(9, 1000, 0, 5, 10), sink);
    assertTrue(Nodes.await(() -> receiver.coveredTokens() > 20, 10_000));
    return receiver;
  }

  @Test
  void shouldNameTheKilledPrefillNodeWithinTheLeaseAndSweepUpAfterIt() throws Exception {
    try (PrefillProcess prefill = new PrefillProcess(parent, LEASE_NS, 2);
        StreamNode node = decodeNode();
        PrefillPeer peer = node.connect(prefill.endpoint());
        KvReceiver receiver = begun(peer, new PatternKv(Nodes.SMALL, 1000))) {
      prefill.kill();
      long killedNs = System.nanoTime();
      assertTrue(Nodes.await(() -> receiver.state() == KvReceiver.State.FAILED, 10_000));
      long tookNs = System.nanoTime() - killedNs;
      assertTrue(tookNs < LEASE_NS + TimeUnit.SECONDS.toNanos(1), tookNs + " ns");
      assertEquals(
          "the prefill node at " + prefill.endpoint() + " has been silent for 2.0 s",
          receiver.failure());
      assertEquals(2, Nodes.folders(parent).size());
    }
    assertEquals(1, Nodes.folders(parent).size(), "the dead node's");
    decodeNode().close();
    assertEquals(0, Nodes.folders(parent).size());
  }

  @Test
  void shouldGoOnAfterAPauseShorterThanTheLease() throws Exception {
    try (PrefillProcess prefill = new PrefillProcess(parent, LEASE_NS, 2);
        StreamNode node = decodeNode();
        PrefillPeer peer = node.connect(prefill.endpoint())) {
      PatternKv sink = new PatternKv(Nodes.SMALL, 1000);
      try (KvReceiver receiver = begun(peer, sink)) {
        prefill.signal("STOP");
        Thread.sleep(1000);
        prefill.signal("CONT");
        Nodes.awaitWhole(receiver);
        assertNull(receiver.failure());
        assertTrue(sink.equals(PatternKv.filled(Nodes.SMALL, 1000, 9), 5, 0, 1000));
      }
      assertEquals("released 9", prefill.nextLine());
    }
  }

  @Test
  void shouldEndTheLeaseOfAPausedNodeAndTellItSoWhenItWakes() throws Exception {
    try (PrefillProcess prefill = new PrefillProcess(parent, LEASE_NS, 2);
        StreamNode node = decodeNode();
        PrefillPeer peer = node.connect(prefill.endpoint())) {
      try (KvReceiver receiver = begun(peer, new PatternKv(Nodes.SMALL, 1000))) {
        prefill.signal("STOP");
        assertTrue(Nodes.await(() -> receiver.state() == KvReceiver.State.FAILED, 10_000));
        Thread.sleep(500);
        prefill.signal("CONT");
        assertEquals("released 9", prefill.nextLine());
      }
      try (PrefillPeer again = node.connect(prefill.endpoint())) {
        PatternKv sink = new PatternKv(Nodes.SMALL, 100);
        try (KvReceiver receiver = again.order(Nodes.order(10, 100, 0, 5, 10), sink)) {
          Nodes.awaitWhole(receiver);
        }
      }
    }
  }

  @Test
  void shouldNameTheMissingJvmFlag() throws Exception {
    List<String> withoutFlag = PrefillProcess.FLAGS.subList(2, 3);
    List<String> args = List.of(parent.toString(), Long.toString(LEASE_NS), "0");
    Process process =
        new ProcessBuilder(PrefillProcess.java(withoutFlag, PrefillProcess.class.getName(), args))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(1, process.waitFor());
    assertTrue(
        said.contains(
            "StreamException: Baton's stream needs a JVM flag that is missing: add --add-exports"
                + " java.base/jdk.internal.misc=ALL-UNNAMED to the java command"),
        said);
    assertTrue(!said.contains("agrona") && !said.contains("Caused by"), said);
  }

  @Test
  void shouldSayNothingOnItsOwn() throws Exception {
    List<String> args = List.of(parent.toString(), Long.toString(LEASE_NS), "0");
    Process process =
        new ProcessBuilder(
                PrefillProcess.java(PrefillProcess.FLAGS, PrefillProcess.class.getName(), args))
            .redirectErrorStream(true)
            .start();
    String endpoint = process.inputReader(StandardCharsets.UTF_8).readLine();
    try (StreamNode node = decodeNode();
        PrefillPeer peer = node.connect(endpoint);
        KvReceiver receiver =
            peer.order(Nodes.order(1, 10, 0, 5, 4), new PatternKv(Nodes.SMALL, 10))) {
      Nodes.awaitWhole(receiver);
    }
    process.getOutputStream().close();
    List<String> said = process.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertEquals(0, process.waitFor());
    assertEquals(List.of("released 1"), said);
  }
}
