package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.session.PatternKv;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A prefill node in a process of its own, to which strangers send 1,000 datagrams a second: setups
 * of all lengths, data, garbage, and greetings in another's name once they were let in.
 */
@Timeout(180)
class StrangerFloodTest {
  private static final long SEED = 19;
  private static final long LEASE_NS = TimeUnit.SECONDS.toNanos(4);
  private static final long GROWTH = 64 << 20;
  private static final int PER_SECOND = 1000;

  @TempDir Path parent;

  @Test
  void shouldServeItsPeersAndKeepItsMemoryWhileOneStrangerKnocks() throws Exception {
    flood(1, 3);
  }

  @Test
  void shouldServeItsPeersAndKeepItsMemoryWhileManyStrangersKnock() throws Exception {
    flood(200, 4);
  }

  @Test
  @Tag("soak")
  void shouldServeItsPeersAndKeepItsMemoryForAMinuteOfOneStranger() throws Exception {
    flood(1, 60);
  }

  @Test
  @Tag("soak")
  void shouldServeItsPeersAndKeepItsMemoryForAMinuteOfAThousandStrangers() throws Exception {
    flood(1000, 60);
  }

  private void flood(int sources, int seconds) throws Exception {
    Path log = parent.resolve("log");
    StreamConfig config = StreamConfig.builder().directoryParent(parent).leaseNs(LEASE_NS).build();
    // A quarter longer than the flood, in 500 slices.
    long msPerSlice = Math.ceilDiv(seconds * 1250L, 500);
    try (PrefillProcess prefill = new PrefillProcess(parent, LEASE_NS, msPerSlice, log);
        DatagramChannel victim = DatagramChannel.open();
        StreamNode node = StreamNode.launch(config, Nodes.node(), null);
        PrefillPeer peer = node.connect(prefill.endpoint())) {
      assumeTrue(Files.exists(Path.of("/proc/self/status")));
      victim.bind(new InetSocketAddress("127.0.0.77", 0));
      victim.configureBlocking(false);
      warm(node, prefill);
      PatternKv sink = new PatternKv(Nodes.SMALL, 1000);
      try (KvReceiver inFlight = peer.order(Nodes.order(9, 1000, 0, 5, 10), sink)) {
        assertTrue(Nodes.await(() -> inFlight.coveredTokens() > 20, 10_000));
        Held before = held(prefill);
        int threads = status(prefill, "Threads");
        Totals totals = knock(sources, seconds, prefill, victim);
        Held after = held(prefill);
        assertTrue(
            after.bytes() - before.bytes() <= GROWTH,
            before + " became " + after + " with seed " + SEED);
        assertTrue(totals.got() <= totals.sent(), totals.got() + " bytes out for " + totals.sent());
        orderAnew(11, config, prefill);
        Nodes.awaitWhole(inFlight);
        // One of the JVM's own compilers may have come or gone.
        assertEquals(threads, status(prefill, "Threads"), 4);
      }
      assertTrue(sink.equals(PatternKv.filled(Nodes.SMALL, 1000, 9), 5, 0, 1000));
    }
    String said = Files.readString(log);
    assertTrue(said.contains("strangers at this node: "), said);
    assertTrue(said.contains("127."), said);
    assertTrue(said.lines().filter(line -> line.contains("strangers at")).count() <= 2, said);
  }

  /** Before memory is measured, what every first request takes has been taken. */
  private static void warm(StreamNode node, PrefillProcess prefill) {
    try (PrefillPeer other = node.connect(prefill.endpoint())) {
      for (int id = 1; id <= 3; id++) {
        order(id, other);
      }
    }
  }

  private static void order(int id, PrefillPeer peer) {
    PatternKv sink = new PatternKv(Nodes.SMALL, 100);
    try (KvReceiver receiver = peer.order(Nodes.order(id, 100, 0, 5, 50), sink)) {
      Nodes.awaitWhole(receiver);
    }
  }

  private static void orderAnew(int id, StreamConfig config, PrefillProcess prefill) {
    try (StreamNode other = StreamNode.launch(config, Nodes.node(), null);
        PrefillPeer peer = other.connect(prefill.endpoint())) {
      order(id, peer);
    }
  }

  private record Totals(long sent, long got) {}

  private Totals knock(int sources, int seconds, PrefillProcess prefill, DatagramChannel victim)
      throws IOException {
    InetSocketAddress target = Endpoint.parse(prefill.endpoint()).socketAddress();
    String named = "127.0.0.77:" + ((InetSocketAddress) victim.getLocalAddress()).getPort();
    SplittableRandom random = new SplittableRandom(SEED);
    List<Stranger> strangers = new ArrayList<>();
    ByteBuffer heard = ByteBuffer.allocate(2048);
    long got = 0;
    try {
      for (int i = 0; i < sources; i++) {
        String address = sources == 1 ? "127.0.0.1" : "127.1." + i / 250 + "." + (1 + i % 250);
        strangers.add(new Stranger(address, target, named, random.split()));
      }
      long startNs = System.nanoTime();
      for (int i = 0; i < seconds * PER_SECOND; i++) {
        Stranger next = strangers.get(i % sources);
        next.listen();
        next.knock();
        got += read(victim, heard);
        long dueNs = startNs + (i + 1) * TimeUnit.SECONDS.toNanos(1) / PER_SECOND;
        LockSupport.parkNanos(dueNs - System.nanoTime());
      }
      LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
      long sent = 0;
      for (Stranger stranger : strangers) {
        stranger.listen();
        sent += stranger.sentBytes;
        got += stranger.gotBytes;
      }
      return new Totals(sent, got + read(victim, heard));
    } finally {
      for (Stranger stranger : strangers) {
        stranger.close();
      }
    }
  }

  private static long read(DatagramChannel victim, ByteBuffer into) throws IOException {
    long got = 0;
    while (victim.receive(into.clear()) != null) {
      got += into.position();
    }
    return got;
  }

  /** What the process holds: its memory, and the files of its streams. */
  private record Held(long files, long memory) {
    long bytes() {
      return files + memory;
    }
  }

  private Held held(PrefillProcess prefill) throws IOException {
    long files = 0;
    Path folder = parent.resolve("baton-" + prefill.pid() + "-1");
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) all::iterator) {
        files += Files.isRegularFile(file) ? Files.size(file) : 0;
      }
    }
    return new Held(files, 1024L * status(prefill, "VmRSS"));
  }

  private static int status(PrefillProcess prefill, String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + prefill.pid() + "/status"))) {
      if (line.startsWith(name + ":")) {
        return Integer.parseInt(line.replaceAll("\\D", ""));
      }
    }
    throw new AssertionError("no " + name);
  }
}
