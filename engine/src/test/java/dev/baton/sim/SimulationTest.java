package dev.baton.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import dev.baton.plan.Cluster;
import dev.baton.plan.Cluster.Way;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SpeedProfile.ChunkPoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class SimulationTest {
  private static final PlannedModel MODEL =
      new PlannedModel("eight layers", new KvGeometry(8, 8, 128), 4096);
  private static final Simulation.Settings SETTINGS = new Simulation.Settings(4096, 1, 7);
  private static final Path AZURE = Path.of("src/test/resources/dev/baton/sim/azure-conv-200.csv");
  private static final Path MOONCAKE =
      Path.of("src/test/resources/dev/baton/sim/mooncake-conversation-200.jsonl");
  private static final double ROUNDING = 1e-9;

  /** Prefills at a rate, whatever the chunks, and takes so long for a step. */
  private static ClusterNode node(String name, double tokenSeconds, double step, double error) {
    SpeedProfile speed =
        new SpeedProfile(
            "test",
            List.of(new ChunkPoint(1, tokenSeconds), new ChunkPoint(4096, 4096 * tokenSeconds)),
            0,
            0,
            step,
            step / 10,
            0,
            error,
            error);
    return new ClusterNode(name, speed, true, true, 0, Correction.NONE, 100, 50, 0);
  }

  private static Cluster two(double error) {
    return new Cluster(
        List.of(
            node("quick to read", 1e-5, 0.08, error), node("quick to write", 5e-5, 0.02, error)),
        Map.of(
            new Way("quick to read", "quick to write"), new LinkSpeed(0, 0, 1e9, 1e9, 1, 0),
            new Way("quick to write", "quick to read"), new LinkSpeed(0, 0, 1e9, 1e9, 1, 0)));
  }

  private static SimulationResult run(Trace trace, Cluster cluster, Policy policy) {
    long room = 4L << 30;
    Map<String, Long> rooms = Map.of("quick to read", room, "quick to write", room);
    return Simulation.run(trace, MODEL, cluster, rooms, policy, SETTINGS);
  }

  @ParameterizedTest
  @EnumSource(Policy.class)
  void shouldGiveTheSameResultForTheSameInput(Policy policy) {
    Trace trace = Trace.read(MOONCAKE, 200);
    assertEquals(run(trace, two(0.1), policy), run(trace, two(0.1), policy));
  }

  @Test
  void shouldBeOffByTheSeed() {
    Trace trace = Trace.read(AZURE, 200);
    Simulation.Settings other = new Simulation.Settings(4096, 1, 8);
    assertNotEquals(
        Simulation.run(trace, MODEL, two(0.1), Map.of(), Policy.LOCAL, SETTINGS).served(),
        Simulation.run(trace, MODEL, two(0.1), Map.of(), Policy.LOCAL, other).served());
  }

  @ParameterizedTest
  @EnumSource(Policy.class)
  void shouldEndEveryRequestOnceAndKeepNoNodeBusierThanTheClock(Policy policy) {
    for (Path file : List.of(AZURE, MOONCAKE)) {
      Trace trace = Trace.read(file, 200);
      SimulationResult result = run(trace, two(0.2), policy);
      assertEquals(200, result.served().size());
      for (int i = 0; i < 200; i++) {
        assertEquals(trace.requests().get(i).outputTokens(), result.served().get(i).outputTokens());
      }
      for (SimulationResult.NodeUse node : result.nodes()) {
        assertTrue(node.busySeconds() <= result.seconds() + ROUNDING, node.toString());
      }
    }
  }

  @Test
  void shouldTakeWhatThePlannerPredictsWhereNothingElseGoesOn() {
    Trace one = new Trace(List.of(new TraceRequest(0, 8192, 33, List.of())));
    double alone = 8 * 8192 * 5e-5;
    double step = 0.022;
    Cluster only = new Cluster(List.of(node("quick to write", 5e-5, 0.02, 0)), Map.of());
    Served local = run(one, only, Policy.LOCAL).served().getFirst();
    assertEquals(alone, local.ttftSeconds(), ROUNDING);
    assertEquals(alone + 32 * step, local.e2eSeconds(), ROUNDING);

    Served remote = run(one, two(0), Policy.REMOTE).served().getFirst();
    double away = 8 * 8192 * 1e-5;
    assertEquals(Served.Where.CLASSIC, remote.where());
    assertTrue(remote.ttftSeconds() >= away && remote.ttftSeconds() < alone, remote.toString());

    Served both = run(one, two(0), Policy.BATON).served().getFirst();
    assertTrue(both.e2eSeconds() <= remote.e2eSeconds() + ROUNDING, both.toString());
  }

  /**
   * Pollaczek and Khinchine: with a fixed service time s and load r, s r / (2 (1 - r)) of waiting.
   */
  @Test
  void shouldWaitAsAQueueWithFixedServiceTimesDoes() {
    double service = 8 * 1000 * 5e-5;
    double load = 0.7;
    SplittableRandom random = new SplittableRandom(11);
    List<TraceRequest> requests = new ArrayList<>();
    double time = 0;
    for (int i = 0; i < 40_000; i++) {
      requests.add(new TraceRequest(time, 1000, 1, List.of()));
      time += -Math.log(1 - random.nextDouble()) * service / load;
    }
    Cluster only = new Cluster(List.of(node("quick to write", 5e-5, 0.02, 0)), Map.of());
    SimulationResult result = run(new Trace(requests), only, Policy.LOCAL);
    double expected = service + service * load / (2 * (1 - load));
    assertEquals(expected, result.meanE2eSeconds(), 0.05 * expected);
    assertEquals(load, result.utilisation(result.nodes().getFirst()), 0.02);
  }

  @Test
  void shouldShareDecodeStepsAmongAllAnswers() {
    List<TraceRequest> requests = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      requests.add(new TraceRequest(0, 1, 1001, List.of()));
    }
    Cluster only = new Cluster(List.of(node("quick to write", 0, 0.02, 0)), Map.of());
    SimulationResult result = run(new Trace(requests), only, Policy.LOCAL);
    assertEquals(0.02 + 10 * 0.002, result.tpotSeconds(0.5), 1e-3);
  }

  @Test
  void shouldLetALinkCarryOneRequestAtATime() {
    long bytes = 8L * 8192 * MODEL.kvBytes(dev.baton.kernel.KvWireType.F16);
    Map<Way, LinkSpeed> slow = Map.of(new Way("a", "b"), new LinkSpeed(0, 0, 1e7, 1e7, 1, 0));
    ClusterNode a = node("a", 1e-5, 0.02, 0);
    Cluster cluster = new Cluster(List.of(a, node("b", 5e-5, 0.02, 0)), slow);
    TraceRequest request = new TraceRequest(0, 8192, 2, List.of());
    SimulationResult result =
        run(new Trace(List.of(request, request, request)), cluster, Policy.REMOTE);
    assertTrue(result.seconds() >= 3 * bytes / 1e7, () -> result.seconds() + " s");
  }

  @Test
  void shouldComputeAPromptThatWasSeenNoSecondTime() {
    List<Integer> blocks = List.of(1, 2, 3, 4);
    Trace trace =
        new Trace(
            List.of(new TraceRequest(0, 2048, 4, blocks), new TraceRequest(100, 2048, 4, blocks)));
    Cluster only = new Cluster(List.of(node("quick to write", 5e-5, 0.02, 0)), Map.of());
    List<Served> served = run(trace, only, Policy.LOCAL).served();
    assertEquals(0, served.getFirst().cachedTokens());
    assertEquals(2047, served.getLast().cachedTokens());
    assertEquals(8 * 5e-5, served.getLast().ttftSeconds(), ROUNDING);
  }

  @Test
  void shouldRefuseToSendPromptsAwayWithoutALink() {
    Cluster only = new Cluster(List.of(node("quick to write", 5e-5, 0.02, 0)), Map.of());
    Trace one = new Trace(List.of(new TraceRequest(0, 10, 1, List.of())));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> run(one, only, Policy.REMOTE));
    assertTrue(e.getMessage().contains("policy remote needs a prefill node"), e.getMessage());
  }

  @Test
  void shouldFollowTheThresholdsOfOthers() {
    assertEquals(Served.Where.ALONE, where(Policy.EXO, 1000, List.of(), 0));
    assertEquals(Served.Where.CLASSIC, where(Policy.EXO, 1001, List.of(), 0));
    assertEquals(Served.Where.ALONE, where(Policy.DYNAMO, 2047, List.of(), 0));
    assertEquals(Served.Where.CLASSIC, where(Policy.DYNAMO, 2048, List.of(), 0));
    // Uncached tokens count: 2 of 4 blocks and 3 of 4.
    assertEquals(Served.Where.ALONE, where(Policy.EXO, 2000, List.of(1, 2, 3, 4), 2));
    assertEquals(Served.Where.ALONE, where(Policy.DYNAMO, 2048, List.of(1, 2, 3, 4), 2));
    assertEquals(Served.Where.CLASSIC, where(Policy.DYNAMO, 2048, List.of(1, 2, 3, 4), 3));
    assertEquals(Served.Where.ALONE, where(Policy.LOCAL, 4096, List.of(), 0));
    assertEquals(Served.Where.CLASSIC, where(Policy.REMOTE, 64, List.of(), 0));
    assertEquals(Served.Where.ALONE, where(Policy.REMOTE, 63, List.of(), 0));
  }

  /** Where a request goes whose first {@code known} blocks the only decode node has. */
  private static Served.Where where(Policy policy, int tokens, List<Integer> blocks, int known) {
    List<TraceRequest> requests = new ArrayList<>();
    if (known > 0) {
      requests.add(new TraceRequest(0, known * Trace.BLOCK_TOKENS, 1, blocks.subList(0, known)));
    }
    requests.add(new TraceRequest(1000, tokens, 1, blocks));
    ClusterNode reader = node("quick to read", 1e-5, 0.08, 0);
    ClusterNode readsOnly =
        new ClusterNode(reader.name(), reader.speed(), true, false, 0, Correction.NONE, 0, 0, 0);
    Cluster cluster =
        new Cluster(List.of(readsOnly, node("quick to write", 5e-5, 0.02, 0)), two(0).links());
    return run(new Trace(requests), cluster, policy).served().getLast().where();
  }
}
