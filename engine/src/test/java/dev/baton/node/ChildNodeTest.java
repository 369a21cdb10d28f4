package dev.baton.node;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real processes that end before they are ready. */
@Timeout(60)
class ChildNodeTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static ChildNode start() {
    ChildNode.Setup setup =
        new ChildNode.Setup(BatonProcess.TINY, "cpu", 1, 0, Duration.ofSeconds(8), null);
    return ChildNode.start(setup, "dev.baton.cli.BatonCli");
  }

  private static String whyNotReady(ChildNode child) {
    return String.valueOf(
        assertThrows(ClusterException.class, () -> child.awaitEndpoint(PATIENCE)).getMessage());
  }

  @Test
  void shouldTellAKillAsOneAndWhatHelps() {
    try (ChildNode child = start()) {
      BatonProcess.signal(child.pid(), "KILL");
      String why = whyNotReady(child);
      assertTrue(why.contains("killed (signal 9)") && why.contains("memory"), why);
      assertTrue(why.contains("--split local"), why);
    }
  }

  @Test
  void shouldTellWhatAnotherSignalWas() {
    try (ChildNode child = start()) {
      BatonProcess.signal(child.pid(), "ALRM");
      String why = whyNotReady(child);
      assertTrue(why.contains("signal 14"), why);
    }
  }

  @Test
  void shouldEndOneThatHangsWithinTwoSeconds() {
    ChildNode child = start();
    BatonProcess.signal(child.pid(), "STOP");
    long startNs = System.nanoTime();
    child.close();
    child.close();
    double seconds = (System.nanoTime() - startNs) / 1e9;
    assertTrue(seconds < 2, seconds + " s");
    assertTrue(BatonProcess.endsWithin(child.pid(), 5_000), "it outlives its parent");
  }
}
