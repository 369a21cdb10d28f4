package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.decode.DecodeQueue;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.plan.SplitPlan;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Prefill nodes, processes of their own, that take less than what is usual: they are used as far as
 * they go.
 */
@Timeout(120)
class LimitsIT {
  private static final int USUAL_CHUNK = 128;

  @TempDir Path home;

  private static BatonProcess node(String option, String value) {
    return BatonProcess.start(
        "node",
        "--role",
        "prefill",
        "--listen",
        "127.0.0.1:0",
        "--model",
        BatonProcess.TINY.toString(),
        option,
        value);
  }

  private static Report answer(Baton baton, int promptTokens, Split split, int[] wanted)
      throws InterruptedException {
    try (Generation generation = baton.generateExactly(prompt(promptTokens), 8, split)) {
      while (generation.next() != null) {
        // The tokens are kept.
      }
      assertArrayEquals(wanted, generation.takenTokens());
      return generation.report();
    }
  }

  private static int[] prompt(int tokens) {
    return IntStream.range(0, tokens).map(i -> 300 + i % 700).toArray();
  }

  private static int[] alone(Baton baton, int promptTokens) throws InterruptedException {
    try (Generation generation =
        baton.generateExactly(prompt(promptTokens), 8, new Split.Local())) {
      while (generation.next() != null) {
        // To its end.
      }
      return generation.takenTokens();
    }
  }

  private static Baton baton(String endpoint) {
    return Baton.open(
        BatonConfig.builder(BatonProcess.TINY)
            .prefill(endpoint)
            .split(new Split.Remote())
            .chunkTokens(USUAL_CHUNK)
            .build());
  }

  @Test
  void shouldOrderNoLargerChunksThanThePrefillNodeTakes() throws Exception {
    try (BatonProcess node = node("--max-chunk", "48");
        Baton baton = baton(node.awaitReady())) {
      int[] wanted = alone(baton, 300);
      for (Split split : new Split[] {new Split.Remote(), new Split.At(2)}) {
        Report report = answer(baton, 300, split, wanted);
        assertNull(report.fallback());
        assertTrue(report.route().boundaryLayer() > 0, report.toString());
      }
    }
  }

  @Test
  void shouldPrefillHereWhatThePrefillNodeHasNoRoomFor() throws Exception {
    try (BatonProcess node = node("--kv-tokens", "192");
        Baton baton = baton(node.awaitReady())) {
      for (int i = 0; i < 10; i++) {
        Report fits = answer(baton, 150, new Split.Remote(), alone(baton, 150));
        assertNull(fits.fallback());
        assertEquals(6, fits.route().boundaryLayer());
      }
      Report tooLong = answer(baton, 193, new Split.Remote(), alone(baton, 193));
      assertEquals(0, tooLong.route().boundaryLayer());
      assertEquals(
          "a prompt of 193 tokens is longer than the prefill node's room for 192 tokens: start it"
              + " with a larger --kv-tokens",
          tooLong.fallback());
    }
  }

  @Test
  void shouldMeasureAndPlanWithinThePrefillNodesLimits() throws Exception {
    for (String[] limit : new String[][] {{"--max-chunk", "16"}, {"--kv-tokens", "64"}}) {
      try (BatonProcess node = node(limit[0], limit[1])) {
        String endpoint = node.awaitReady();
        plan(endpoint, limit[0].equals("--max-chunk"));
      }
    }
  }

  private void plan(String endpoint, boolean smallChunks) throws Exception {
    try (NodeCompute compute =
            NodeCompute.open(BatonProcess.TINY, KernelsConfig.defaults(), done -> {});
        StreamNode stream =
            StreamNode.launch(StreamConfig.builder().build(), compute.identity("decode"), null);
        PrefillPeer peer = stream.connect(endpoint);
        DecodeQueue loop =
            new DecodeQueue(compute.model(), compute.pool(), 8, USUAL_CHUNK, System::nanoTime)) {
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY).prefill(endpoint).chunkTokens(USUAL_CHUNK).build();
      AutoSplit.Pair pair = new AutoSplit.Pair(config, compute, "tiny", () -> peer, loop);
      try (AutoSplit auto = new AutoSplit(pair, home)) {
        assertTrue(
            auto.measuring().await(Duration.ofSeconds(60)), () -> auto.measuring().whyUnknown());
        auto.stopMeasuring();
        AutoSplit.Planned planned =
            auto.plan(new AutoSplit.Ask(300, 0, new byte[0], 8, true, null, new Split.Auto()));
        planned.abandoned();
        var decision = Objects.requireNonNull(planned.decision());
        for (SplitPlan plan : decision.alternatives()) {
          assertTrue(
              plan.isLocal() || plan.chunks().largestTokens() <= peer.limits().chunkTokens(),
              plan.toString());
        }
        assertTrue(smallChunks || decision.chosen().isLocal(), "there is no room for it");
        assertTrue(
            decision.alternatives().stream().anyMatch(plan -> !plan.isLocal()),
            "none was thought of");
      }
    }
  }
}
