package dev.baton;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.decode.TokenListener;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.plan.SplitPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real prefill node with a core of its own, of which another load takes a part for a while. */
@Tag("alone")
class SlowedNodeIT {
  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final int CHUNK = 128;
  private static final int CORE = 0;

  /** Each takes as much of the core as the node then has: a third is left to it. */
  private static final int LOADS = 2;

  private static final Duration LOAD_RUNS = Duration.ofMillis(100);

  /** Long enough that the node's report of how long it computed comes before the answer is over. */
  private static final int ANSWER = 48;

  private static final AutoSplit.Ask ASK =
      new AutoSplit.Ask(900, 0, new byte[0], ANSWER, true, null, new Split.Remote());

  @TempDir Path home;

  @Test
  @Timeout(180)
  void shouldNoticeWithinFiveRequestsThatANodeIsSlowedAndWithinTenThatItIsNotAnyMore()
      throws Exception {
    assumeTrue(Runtime.getRuntime().availableProcessors() >= 2, "the node needs a core of its own");
    assumeTrue(hasTaskset(), "taskset (util-linux) is not installed");
    try (BatonProcess node =
            BatonProcess.start(
                List.of("taskset", "-c", Integer.toString(CORE)),
                Map.of(),
                "node",
                "--role",
                "prefill",
                "--listen",
                "127.0.0.1:0",
                "--threads",
                "1",
                "--model",
                BatonProcess.TINY.toString());
        NodeCompute compute =
            NodeCompute.open(
                BatonProcess.TINY, KernelsConfig.defaults().withThreads(1), done -> {});
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
                compute.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.awaitReady());
        DecodeQueue loop =
            new DecodeQueue(compute.model(), compute.pool(), 2, CHUNK, System::nanoTime)) {
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY).prefill("127.0.0.1:9").chunkTokens(CHUNK).build();
      AutoSplit.Pair pair = new AutoSplit.Pair(config, compute, "tiny", () -> peer, loop);
      try (AutoSplit auto = new AutoSplit(pair, home)) {
        assertTrue(auto.measuring().await(LEASE));
        auto.measuring().awaitWarm(LEASE);
        auto.stopMeasuring();
        run(auto, peer, loop, 8);
        double before = predictedSeconds(auto);
        List<Process> loads = startLoads();
        try {
          run(auto, peer, loop, 5);
        } finally {
          loads.forEach(Process::destroyForcibly);
        }
        double slowed = predictedSeconds(auto);
        run(auto, peer, loop, 10);
        double after = predictedSeconds(auto);
        String all = before + " s, slowed " + slowed + " s, then " + after + " s";
        assertTrue(slowed > 1.5 * before, all);
        assertTrue(after < 1.2 * before, all);
      }
    }
  }

  private static double predictedSeconds(AutoSplit auto) {
    AutoSplit.Planned planned = auto.plan(ASK);
    planned.abandoned();
    return Objects.requireNonNull(planned.decision()).chosen().prediction().ttftSeconds();
  }

  private static void run(AutoSplit auto, PrefillPeer peer, DecodeQueue loop, int requests)
      throws Exception {
    int[] prompt = new SplittableRandom(3).ints(ASK.promptTokens(), 2, 2000).toArray();
    for (int i = 0; i < requests; i++) {
      AutoSplit.Planned planned = auto.plan(ASK);
      SplitPlan plan = Objects.requireNonNull(planned.decision()).chosen();
      CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
      loop.submit(
          new DecodeRequest(
              prompt,
              ASK.outputLimit(),
              SamplingParams.greedy(),
              token -> false,
              new RemotePrefill(peer, plan.boundaryLayer(), plan.chunks(), plan.wireType(), true),
              new TokenListener() {
                @Override
                public void onToken(int token) {}

                @Override
                public void onEnd(DecodeOutcome outcome) {
                  ended.complete(outcome);
                }
              }));
      DecodeOutcome outcome = ended.get(60, TimeUnit.SECONDS);
      assertNull(outcome.fallback());
      assertEquals(ASK.outputLimit(), outcome.tokens().outputTokens());
      planned.ended(outcome, outcome.times().ttftNs() / 1e9, null);
      // What became of a request is noted on a thread of its own.
      BatonProcess.pause(20);
    }
  }

  private static boolean hasTaskset() throws InterruptedException {
    try {
      return new ProcessBuilder("taskset", "--version")
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException _) {
      return false;
    }
  }

  /**
   * Returns when they take their part of the core. Each ends by itself after a minute or so,
   * whatever becomes of this process.
   */
  private static List<Process> startLoads() throws IOException {
    List<Process> loads = new ArrayList<>();
    for (int i = 0; i < LOADS; i++) {
      loads.add(
          new ProcessBuilder(
                  "taskset",
                  "-c",
                  Integer.toString(CORE),
                  "sh",
                  "-c",
                  "i=0; while [ $i -lt 30000000 ]; do i=$((i+1)); done")
              .start());
    }
    for (Process load : loads) {
      for (int i = 0; i < 1000 && ranFor(load).compareTo(LOAD_RUNS) < 0; i++) {
        BatonProcess.pause(10);
      }
    }
    return loads;
  }

  private static Duration ranFor(Process process) {
    return process.info().totalCpuDuration().orElse(Duration.ZERO);
  }
}
