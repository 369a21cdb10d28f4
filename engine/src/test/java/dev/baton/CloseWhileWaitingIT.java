package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An engine that is closed while it waits for something else than a pass. */
@Timeout(120)
class CloseWhileWaitingIT {
  private static final double LIMIT_SECONDS = 2;

  private static BatonConfig.Builder config() {
    return BatonConfig.builder(BatonProcess.TINY);
  }

  private static void assertClosesSoon(Baton baton) {
    long startNs = System.nanoTime();
    baton.close();
    double seconds = (System.nanoTime() - startNs) / 1e9;
    assertTrue(seconds <= LIMIT_SECONDS, "close took " + seconds + " s");
    baton.close();
    assertThrows(
        IllegalStateException.class, () -> baton.generate(GenerateRequest.of("The little fox")));
  }

  @Test
  void shouldNotWaitForMeasurements() throws Exception {
    try (BatonProcess node = BatonProcess.start("node", "--model", BatonProcess.TINY.toString())) {
      Baton baton = Baton.open(config().prefill(node.awaitReady()).build());
      BatonProcess.pause(300);
      assertClosesSoon(baton);
    }
  }

  @Test
  void shouldNotWaitForANodeThatIsStopped() throws Exception {
    try (BatonProcess node = BatonProcess.start("node", "--model", BatonProcess.TINY.toString())) {
      Baton baton = Baton.open(config().prefill(node.awaitReady()).build());
      BatonProcess.pause(200);
      node.signal("STOP");
      BatonProcess.pause(300);
      assertClosesSoon(baton);
    }
  }

  @Test
  void shouldNotWaitForANodeThatDoesNotAnswer() throws Exception {
    try (DatagramSocket hole =
        new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
      String endpoint = "127.0.0.1:" + hole.getLocalPort();
      assertClosesSoon(Baton.open(config().prefill(endpoint).build()));

      // And what waits for the first connection, since it was asked for, ends with it.
      Baton local = Baton.open(config().prefill(endpoint).split(new Split.Local()).build());
      CompletableFuture<Report> asked =
          CompletableFuture.supplyAsync(() -> report(local, new Split.Remote()));
      BatonProcess.pause(300);
      assertClosesSoon(local);
      assertTrue(asked.handle((report, failure) -> true).get(2, TimeUnit.SECONDS));
    }
  }

  private static Report report(Baton baton, Split split) {
    try (Generation answer = baton.generate(GenerateRequest.of("The fox").withSplit(split))) {
      return answer.report();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void shouldNotWaitForAChildThatHangsBeforeItIsReady() throws Exception {
    List<Long> before = children();
    CompletableFuture<Long> stopped = CompletableFuture.supplyAsync(() -> stopNewChild(before));
    Baton baton = Baton.open(config().split(new Split.Auto()).build());
    long child = stopped.get(20, TimeUnit.SECONDS);
    // Nobody waits for it either.
    assertEquals(8, answered(baton));
    assertClosesSoon(baton);
    assertTrue(BatonProcess.endsWithin(child, 5_000), "the child outlives the engine");
  }

  private static int answered(Baton baton) throws InterruptedException {
    try (Generation answer = baton.generate(GenerateRequest.of("The fox").withMaxTokens(8))) {
      while (answer.next() != null) {
        // Only the report counts.
      }
      assertTrue(String.valueOf(answer.report().fallback()).contains("still starting"));
      return answer.report().tokens().outputTokens();
    }
  }

  private static List<Long> children() {
    return ProcessHandle.current().children().map(ProcessHandle::pid).toList();
  }

  /** Not what the JVM starts on the way to it. */
  private static boolean isNode(long pid) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/cmdline")).endsWith("\0--child\0");
    } catch (IOException e) {
      return false; // gone already
    }
  }

  private static long stopNewChild(List<Long> before) {
    for (int i = 0; i < 10_000; i++) {
      for (long pid : children()) {
        if (!before.contains(pid) && isNode(pid)) {
          BatonProcess.signal(pid, "STOP");
          return pid;
        }
      }
      BatonProcess.pause(1);
    }
    throw new AssertionError("no child was started");
  }
}
