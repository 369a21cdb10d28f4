package dev.baton;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.DecodeSession;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.node.NodeCompute;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.schedule.Priority;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Plans with what a real prefill node holds of a conversation, and with what stands before it. How
 * fast the nodes are is made up, so that the plans are the same on every machine.
 */
@Timeout(120)
class SecondTurnIT {
  private static final int LAYERS = 6;
  private static final int CONTEXT = 4096;
  private static final int CHUNK = 256;
  private static final int FIRST_TURN = 1900;
  private static final int ANSWER = 130;
  private static final int NEW_TOKENS = 70;

  /** Orders of 3,000 tokens, each of which takes a second or more. */
  private static final int BUSY = 6;

  private static final Duration LEASE = Duration.ofSeconds(30);

  private static final Pattern SECONDS_OF_WORK = Pattern.compile("\\d\\.\\d\\d s of work at 127");

  @TempDir Path home;

  private record Turn(int[] tokens, DecodeOutcome outcome, PlanDecision decision) {}

  private interface OnPair {
    void run(AutoSplit auto, Nodes nodes) throws Exception;
  }

  private record Nodes(
      BatonProcess node, PrefillPeer peer, DecodeQueue loop, KvGeometry geometry) {}

  /**
   * @param hereTimes how many times as long as the prefill node this one takes for a token
   */
  private void withPair(Map<String, String> environment, double hereTimes, OnPair test)
      throws Exception {
    Path model = new PatchedModel().withContext(CONTEXT).write(home.resolve("model.gguf"));
    try (BatonProcess node =
            BatonProcess.start(
                environment, "node", "--verbose", "--threads", "1", "--model", model.toString());
        NodeCompute compute =
            NodeCompute.open(model, KernelsConfig.defaults().withThreads(1), _ -> {});
        StreamNode stream =
            StreamNode.launch(
                StreamConfig.builder().leaseNs(LEASE.toNanos()).build(),
                compute.identity("decode"),
                null);
        PrefillPeer peer = stream.connect(node.awaitReady());
        DecodeQueue loop =
            new DecodeQueue(compute.model(), compute.pool(), 16, CHUNK, System::nanoTime)) {
      BatonConfig config =
          BatonConfig.builder(model).prefill(node.awaitReady()).chunkTokens(CHUNK).build();
      AutoSplit.Pair pair = new AutoSplit.Pair(config, compute, "tiny", () -> peer, loop);
      new ProfileStore(home.resolve("profiles")).keep(pair.key(peer), profile(hereTimes));
      try (AutoSplit auto = new AutoSplit(pair, home)) {
        assertTrue(auto.measuring().await(LEASE), auto.measuring().whyUnknown());
        auto.stopMeasuring();
        test.run(auto, new Nodes(node, peer, loop, compute.model().kvGeometry()));
      }
    }
  }

  private static PairProfile profile(double hereTimes) {
    LinkSpeed link = new LinkSpeed(1e-4, 1e-4, 1e9, 1e9, 1, 0.01);
    return new PairProfile(Instant.now(), false, speed(hereTimes), speed(1), link, 1e9);
  }

  private static SpeedProfile speed(double times) {
    double token = 1e-5 * times;
    return new SpeedProfile(
        "made up",
        List.of(
            new SpeedProfile.ChunkPoint(1, token),
            new SpeedProfile.ChunkPoint(CHUNK, CHUNK * token)),
        0,
        1e-4,
        1e-3,
        0,
        0,
        0.01,
        0.01);
  }

  private static AutoSplit.Ask ask(Nodes nodes, int[] prompt) {
    PrefixChain chain = chain(prompt);
    int cached = nodes.loop.cachedTokens(chain);
    return new AutoSplit.Ask(
        prompt.length, cached, chain.array(), ANSWER, true, null, new Split.Auto());
  }

  private static PrefixChain chain(int[] prompt) {
    return new PrefixChain(new Prompt(prompt, 0), prompt.length);
  }

  private static Turn turn(AutoSplit auto, Nodes nodes, int[] prompt) throws Exception {
    AutoSplit.Planned planned = answered(auto, nodes, prompt);
    PlanDecision decision = Objects.requireNonNull(planned.decision());
    SplitPlan plan = decision.chosen();
    RemotePrefill remote =
        plan.isLocal()
            ? null
            : new RemotePrefill(
                nodes.peer, plan.boundaryLayer(), plan.chunks(), plan.wireType(), true);
    CollectedAnswer answer = new CollectedAnswer(ANSWER);
    DecodeSession _ = nodes.loop.submit(request(prompt, chain(prompt), remote, answer));
    DecodeOutcome outcome = answer.ended.get(60, TimeUnit.SECONDS);
    assertNull(outcome.fallback());
    planned.ended(outcome, outcome.times().ttftNs() / 1e9, null);
    return new Turn(answer.tokens, outcome, decision);
  }

  /** On a busy machine the node may not say in time how it stands. */
  private static AutoSplit.Planned answered(AutoSplit auto, Nodes nodes, int[] prompt) {
    AutoSplit.Planned planned = auto.plan(ask(nodes, prompt));
    for (int i = 0; i < 100 && String.valueOf(planned.reason()).contains("did not say"); i++) {
      planned.abandoned();
      BatonProcess.pause(20);
      planned = auto.plan(ask(nodes, prompt));
    }
    return planned;
  }

  private static DecodeRequest request(
      int[] prompt,
      @Nullable PrefixChain chain,
      @Nullable RemotePrefill remote,
      CollectedAnswer answer) {
    return new DecodeRequest(
        prompt,
        ANSWER,
        SamplingParams.greedy(),
        _ -> false,
        null,
        remote,
        chain,
        Priority.INTERACTIVE,
        answer);
  }

  private static int[] random(int tokens, long seed) {
    return new SplittableRandom(seed).ints(tokens, 2, 2000).toArray();
  }

  /** What is asked behind a first turn that the other node prefilled, as far as its plan had it. */
  private static int[] second(AutoSplit auto, Nodes nodes, int boundary) throws Exception {
    int[] first = random(FIRST_TURN, 1);
    Turn begun = turn(auto, nodes, first);
    assertEquals(boundary, begun.decision.chosen().boundaryLayer(), begun.decision.reason());
    assertEquals(0, begun.outcome.tokens().cachedTokens());
    awaitOrders(nodes, 1);
    assertTrue(lastOrder(nodes).contains(" 1900 tokens, 0 of them held"), lastOrder(nodes));
    return Stream.of(first, begun.tokens, random(NEW_TOKENS, 2))
        .flatMapToInt(Arrays::stream)
        .toArray();
  }

  private static void assertLikeAlone(Nodes nodes, int[] prompt, Turn turn) throws Exception {
    CollectedAnswer alone = new CollectedAnswer(ANSWER);
    DecodeSession _ = nodes.loop.submit(request(prompt, null, null, alone));
    alone.ended.get(60, TimeUnit.SECONDS);
    assertArrayEquals(alone.tokens, turn.tokens);
  }

  /** All of the first turn is held there, its answer here alone: that is computed again there. */
  @Test
  void shouldComputeWhatIsNewHereAndTheLastAnswerAgainAtAFasterNode() throws Exception {
    withPair(
        Map.of(),
        1000,
        (auto, nodes) -> {
          int[] prompt = second(auto, nodes, LAYERS);
          Turn turn = turn(auto, nodes, prompt);
          String reason = turn.decision.reason();
          assertEquals(LAYERS, turn.decision.chosen().boundaryLayer(), reason);
          assertTrue(reason.contains("counted with 1984 tokens held"), reason);
          assertTrue(reason.contains("and 1856 tokens held"), reason);
          assertEquals(1984, turn.outcome.tokens().cachedTokens());
          TransferReport transfer = Objects.requireNonNull(turn.outcome.transfer());
          long tokenBytes = LAYERS * KvWireType.F16.tokenBytes(nodes.geometry);
          assertEquals((2100 - 1984) * tokenBytes, transfer.kvBytes());
          awaitOrders(nodes, 2);
          assertTrue(
              lastOrder(nodes).contains(" 2100 tokens, 1856 of them held, layers [0, 6)"),
              lastOrder(nodes));
          assertLikeAlone(nodes, prompt, turn);
        });
  }

  @Test
  void shouldStayHereWhereTheAnswerIsSoonerThanComputedAgain() throws Exception {
    withPair(
        Map.of(),
        1,
        (auto, nodes) -> {
          int[] prompt = second(auto, nodes, LAYERS / 2);
          Turn turn = turn(auto, nodes, prompt);
          assertTrue(turn.decision.chosen().isLocal(), turn.decision.reason());
          assertTrue(
              turn.decision.reason().contains("counted with 1984 tokens held"),
              turn.decision.reason());
          assertEquals(1984, turn.outcome.tokens().cachedTokens());
          assertEquals(1, orders(nodes).size());
          assertLikeAlone(nodes, prompt, turn);
        });
  }

  @Test
  void shouldStayHereAsLongAsTheOtherNodeIsBusy() throws Exception {
    withPair(
        Map.of("BATON_CPU_ISA", "scalar"),
        10,
        (auto, nodes) -> {
          int[] prompt = random(300, 3);
          Turn free = turn(auto, nodes, prompt);
          assertEquals(LAYERS, free.decision.chosen().boundaryLayer(), free.decision.reason());
          List<DecodeSession> busy = new ArrayList<>();
          for (int i = 0; i < BUSY; i++) {
            RemotePrefill remote =
                new RemotePrefill(
                    nodes.peer, LAYERS, ChunkSchedule.equal(64), KvWireType.F16, true);
            int[] other = random(3000, 10 + i);
            busy.add(nodes.loop.submit(request(other, null, remote, new CollectedAnswer(ANSWER))));
          }
          PlanDecision decision = free.decision;
          for (int i = 0; i < 100 && !SECONDS_OF_WORK.matcher(decision.reason()).find(); i++) {
            BatonProcess.pause(20);
            AutoSplit.Planned planned = answered(auto, nodes, random(300, 4));
            planned.abandoned();
            decision = Objects.requireNonNull(planned.decision());
          }
          busy.forEach(DecodeSession::cancel);
          assertTrue(SECONDS_OF_WORK.matcher(decision.reason()).find(), decision.reason());
          assertTrue(decision.chosen().isLocal(), decision.reason());
        });
  }

  private static void awaitOrders(Nodes nodes, int count) {
    for (int i = 0; i < 500 && orders(nodes).size() < count; i++) {
      BatonProcess.pause(10);
    }
    assertEquals(count, orders(nodes).size(), nodes.node.err());
  }

  private static List<String> orders(Nodes nodes) {
    return nodes.node.err().lines().filter(line -> line.contains("order of ")).toList();
  }

  private static String lastOrder(Nodes nodes) {
    return orders(nodes).getLast();
  }
}
