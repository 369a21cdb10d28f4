package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.decode.DecodeQueue;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.node.PrefillNode;
import dev.baton.plan.PlanDecision;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real pair of nodes, measured for real. */
class AutoSplitTest {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int CHUNK = 64;

  @TempDir Path home;

  private interface OnPair {
    void run(AutoSplit.Pair pair) throws InterruptedException;
  }

  private static void withPair(OnPair test) throws Exception {
    try (NodeCompute compute =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
        PrefillNode node = PrefillNode.launch(compute, "127.0.0.1:0", CHUNK, LEASE, null);
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
                compute.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.endpoint());
        DecodeQueue loop =
            new DecodeQueue(compute.model(), compute.pool(), 8, CHUNK, System::nanoTime)) {
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY)
              .prefill(node.endpoint())
              .chunkTokens(CHUNK)
              .build();
      test.run(new AutoSplit.Pair(config, compute, "tiny", () -> peer, loop));
    }
  }

  private PairProfile kept(AutoSplit.Pair pair) {
    return new ProfileStore(home.resolve("profiles"))
        .find(pair.key(Objects.requireNonNull(pair.node().get())))
        .orElseThrow();
  }

  @Test
  @Timeout(180)
  void shouldMeasureCoarselyAtFirstAndWellWhenIdle() throws Exception {
    withPair(pair -> {
      long startNs = System.nanoTime();
      try (AutoSplit auto = new AutoSplit(pair, home)) {
        assertTrue(auto.measuring().await(PATIENCE));
        double seconds = (System.nanoTime() - startNs) / 1e9;
        assertTrue(seconds < 15, "the coarse measurement took " + seconds + " s");
        assertTrue(auto.isCoarse());
        assertTrue(kept(pair).coarse());
        while (auto.isCoarse()) {
          Thread.sleep(50);
        }
        while (kept(pair).coarse()) {
          Thread.sleep(50);
        }
      }
      try (AutoSplit again = new AutoSplit(pair, home)) {
        assertTrue(again.measuring().await(PATIENCE));
        assertFalse(again.isCoarse(), "measured again");
      }
    });
  }

  @Test
  @Timeout(60)
  void shouldPredictWhatWasAskedForAndSayWhatItWouldHaveTaken() throws Exception {
    withPair(pair -> {
      try (AutoSplit auto = new AutoSplit(pair, home)) {
        assertTrue(auto.measuring().await(PATIENCE));
        auto.stopMeasuring();
        AutoSplit.Planned planned =
            auto.plan(new AutoSplit.Ask(300, 0, new byte[0], 8, true, null, new Split.At(2)));
        planned.abandoned();
        PlanDecision decision = Objects.requireNonNull(planned.decision());
        assertEquals(2, decision.chosen().boundaryLayer());
        assertTrue(decision.chosen().prediction().ttftSeconds() > 0);
        assertTrue(decision.alternatives().contains(decision.chosen()));
        assertTrue(decision.reason().startsWith("as asked for; left to Baton: "));
      }
    });
  }
}
