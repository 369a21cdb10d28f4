package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An engine whose prefill node is named and is not there, not there yet, or will not do. */
@Timeout(120)
class NodeThatIsNotThereTest {
  private static final Duration LEASE = Duration.ofSeconds(2);

  /** More tokens than never leave a node. */
  private static final GenerateRequest LONG =
      GenerateRequest.of("Once upon a time, there was a little fox and a bird. ".repeat(8))
          .withMaxTokens(4);

  @TempDir Path folder;

  /** A socket that takes every datagram and answers none. */
  private static DatagramSocket blackHole() throws Exception {
    return new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  private static Baton open(int port, Split split) {
    return open("127.0.0.1:" + port, split);
  }

  private static Baton open(String endpoint, Split split) {
    return Baton.open(
        BatonConfig.builder(BatonProcess.TINY).prefill(endpoint).split(split).lease(LEASE).build());
  }

  private static Report answer(Baton baton, GenerateRequest request) throws InterruptedException {
    try (Generation answer = baton.generate(request)) {
      while (answer.next() != null) {
        // Only the report counts.
      }
      return answer.report();
    }
  }

  @Test
  void shouldAnswerHereAtOnceAndSayWhy() throws Exception {
    try (DatagramSocket hole = blackHole();
        Baton baton = open(hole.getLocalPort(), new Split.Auto());
        ExecutorService callers = Executors.newFixedThreadPool(8)) {
      long startNs = System.nanoTime();
      List<Future<Report>> reports = new ArrayList<>();
      for (int i = 0; i < 24; i++) {
        reports.add(callers.submit(() -> answer(baton, LONG)));
      }
      for (Future<Report> report : reports) {
        String why = String.valueOf(report.get().fallback());
        assertTrue(why.contains("127.0.0.1:" + hole.getLocalPort()), why);
        assertEquals(0, report.get().times().measuringNs());
        assertEquals(4, report.get().tokens().outputTokens());
      }
      double seconds = (System.nanoTime() - startNs) / 1e9;
      assertTrue(seconds < 20, "24 short answers took " + seconds + " s");
    }
  }

  @Test
  void shouldBeOpenedBeforeItsNodeAndUseItOnceItIsThere() throws Exception {
    int port;
    try (DatagramSocket free = blackHole()) {
      port = free.getLocalPort();
    }
    try (Baton baton = open(port, new Split.Remote())) {
      String why = String.valueOf(answer(baton, LONG).fallback());
      assertTrue(why.contains("no answer") && why.contains("is it running?"), why);
      try (NodeCompute compute =
              NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
          PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:" + port, 128, LEASE, null)) {
        assertNotNull(node.endpoint());
        Report report = answer(baton, LONG);
        for (int i = 0; i < 600 && report.fallback() != null; i++) {
          Thread.sleep(50);
          report = answer(baton, LONG);
        }
        assertNull(report.fallback());
        assertTrue(report.transfer().kvBytes() > 0, report.toString());
      }
    }
  }

  @Test
  void shouldRefuseToBeOpenedWithANodeOfAnotherModel() throws Exception {
    byte[] other = Files.readAllBytes(BatonProcess.TINY);
    other[other.length - 1] ^= 1;
    Path unlike = Files.write(folder.resolve("unlike.gguf"), other);
    try (NodeCompute compute = NodeCompute.open(unlike, KernelsConfig.defaults(), done -> {});
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", 128, LEASE, null)) {
      String why =
          assertThrows(StreamException.class, () -> open(node.endpoint(), new Split.Remote()))
              .getMessage();
      assertTrue(String.valueOf(why).contains("has the model"), why);
      assertTrue(whyNotAutomatic(node.endpoint()).contains("has the model"));
    }
  }

  /** A node that takes longer than a moment to refuse is told of by the requests. */
  private static String whyNotAutomatic(String endpoint) throws InterruptedException {
    try (Baton baton = open(endpoint, new Split.Auto())) {
      String why = "";
      for (int i = 0; i < 200 && !why.contains("cannot be used"); i++) {
        Thread.sleep(50);
        why = String.valueOf(answer(baton, LONG).fallback());
      }
      return why;
    } catch (StreamException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
