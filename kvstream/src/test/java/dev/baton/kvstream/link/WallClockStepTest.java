package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.session.PatternKv;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A prefill node in a process whose wall clock steps by years, as a board's does that hears NTP.
 */
@Timeout(60)
class WallClockStepTest {
  private static final long LEASE_NS = TimeUnit.SECONDS.toNanos(10);
  private static final long TWO_YEARS = TimeUnit.DAYS.toSeconds(730);

  @TempDir Path folder;

  @Test
  void shouldGoOnWhenTheWallClockStepsByYears() throws Exception {
    Path clock = folder.resolve("clock");
    set(clock, 0);
    Map<String, String> odd =
        Map.of("LD_PRELOAD", preloaded().toString(), "BATON_TEST_CLOCK", clock.toString());
    StreamConfig config = StreamConfig.builder().directoryParent(folder).leaseNs(LEASE_NS).build();
    try (PrefillProcess prefill = new PrefillProcess(folder, LEASE_NS, 5, odd);
        StreamNode node = StreamNode.launch(config, Nodes.node(), null);
        PrefillPeer peer = node.connect(prefill.endpoint())) {
      PatternKv sink = new PatternKv(Nodes.SMALL, 1000);
      try (KvReceiver receiver = peer.order(Nodes.order(9, 1000, 0, 5, 10), sink)) {
        assertTrue(Nodes.await(() -> receiver.coveredTokens() > 20, 10_000));
        set(clock, TWO_YEARS);
        TimeUnit.MILLISECONDS.sleep(500);
        set(clock, -TWO_YEARS);
        Nodes.awaitWhole(receiver);
      }
      assertEquals("released 9", prefill.nextLine());
      try (PrefillPeer again = node.connect(prefill.endpoint());
          KvReceiver receiver = again.order(Nodes.order(10, 100, 0, 5, 10), sink)) {
        Nodes.awaitWhole(receiver);
      }
    }
  }

  /** In place: the other process has the file mapped, and dies where it is empty for a moment. */
  private static void set(Path clock, long seconds) throws IOException {
    ByteBuffer offset = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
    Files.write(
        clock,
        offset.putLong(seconds).array(),
        StandardOpenOption.CREATE,
        StandardOpenOption.WRITE);
  }

  private Path preloaded() throws IOException, InterruptedException {
    Path source = folder.resolve("wall-clock.c");
    Path library = folder.resolve("wall-clock.so");
    try (InputStream text =
        Objects.requireNonNull(WallClockStepTest.class.getResourceAsStream("wall-clock.c"))) {
      Files.copy(text, source);
    }
    assumeTrue(System.getProperty("os.name").equals("Linux"));
    Process compiler;
    try {
      compiler =
          new ProcessBuilder(
                  "cc", "-shared", "-fPIC", "-o", library.toString(), source.toString(), "-ldl")
              .inheritIO()
              .start();
    } catch (IOException e) {
      assumeTrue(false, "no C compiler: " + e.getMessage());
      throw e;
    }
    assertEquals(0, compiler.waitFor());
    return library;
  }
}
