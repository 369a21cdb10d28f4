package dev.baton.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.plan.SpeedProfile.ChunkPoint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SplitPlannerTest {
  private static final int LARGEST_CHUNK = 4096;
  private static final PlanSearch.Chunks CHUNKS =
      new PlanSearch.Chunks(LARGEST_CHUNK, LARGEST_CHUNK);
  private static final SplitPlanner PLANNER = new SplitPlanner(LARGEST_CHUNK);
  private static final List<Objective> OBJECTIVES =
      List.of(
          new Objective.Ttft(),
          new Objective.E2e(),
          new Objective.Energy(),
          new Objective.Cost(),
          new Objective.E2eWithin(0.5));

  private final SplittableRandom random = new SplittableRandom(20_261_124);

  private double logUniform(double low, double high) {
    return Math.exp(random.nextDouble(Math.log(low), Math.log(high)));
  }

  private PlannedModel model() {
    return new PlannedModel(
        "random", new KvGeometry(random.nextInt(1, 40), 8, 128), 64 * random.nextInt(4, 64));
  }

  private ClusterNode node(String name) {
    double weights = logUniform(1e-5, 3e-3);
    double token = logUniform(1e-7, 1e-4);
    List<ChunkPoint> points = new ArrayList<>();
    for (int tokens = 1; tokens <= 8192; tokens *= 4) {
      points.add(new ChunkPoint(tokens, weights + token * tokens));
    }
    SpeedProfile speed =
        new SpeedProfile(
            "random",
            points,
            token * logUniform(1e-5, 1e-3),
            logUniform(1e-5, 1e-2),
            logUniform(1e-3, 1e-1),
            logUniform(1e-5, 1e-3),
            logUniform(1e-9, 1e-6),
            random.nextDouble(0.01, 0.1),
            random.nextDouble(0.01, 0.1));
    return new ClusterNode(
        name,
        speed,
        true,
        true,
        random.nextInt(3) == 0 ? random.nextDouble(0.5) : 0,
        held(),
        new Correction(
            random.nextDouble(0.8, 1.2), random.nextDouble(0.8, 1.2), random.nextDouble(0.8, 1.2)),
        random.nextDouble(10, 500),
        random.nextDouble(10, 500),
        random.nextDouble(2));
  }

  private HeldPrefix held() {
    int tokens = (int) logUniform(128, 40_000);
    int layers = random.nextInt(1, 40);
    return switch (random.nextInt(3)) {
      case 0 -> HeldPrefix.whole(layers, tokens);
      case 1 ->
          new HeldPrefix(
              List.of(
                  new HeldPrefix.Part(layers, tokens),
                  new HeldPrefix.Part(layers + 3, tokens / 2)));
      default -> HeldPrefix.NONE;
    };
  }

  private LinkSpeed link() {
    double rate = logUniform(1e6, 1e10);
    double latency = logUniform(1e-5, 1e-2);
    return new LinkSpeed(latency, latency, rate, rate, random.nextInt(3) == 0 ? 1.2 : 1, 0.03);
  }

  private Cluster cluster(int nodes) {
    List<ClusterNode> all = new ArrayList<>();
    Map<Cluster.Way, LinkSpeed> links = new HashMap<>();
    for (int i = 0; i < nodes; i++) {
      all.add(node("n" + i));
      for (int j = 0; j < nodes; j++) {
        if (i != j && random.nextInt(8) != 0) {
          links.put(new Cluster.Way("n" + i, "n" + j), link());
        }
      }
    }
    return new Cluster(all, links);
  }

  private RequestShape shape() {
    int prompt = (int) logUniform(64, 40_000);
    int cached = random.nextInt(4) == 0 ? random.nextInt(prompt) : 0;
    return new RequestShape(prompt, cached, (int) logUniform(1, 2000), random.nextBoolean());
  }

  private static double bestScore(
      PlannedModel model, RequestShape shape, Cluster cluster, Objective objective) {
    PlanDecision decision = PLANNER.plan(model, shape, cluster, objective);
    return new Preference(model, shape, objective).score(decision.alternatives().getFirst());
  }

  /** Every pair, boundary, schedule and wire type, one by one. */
  private static double exhaustive(
      PlannedModel model,
      RequestShape shape,
      Cluster cluster,
      Objective objective,
      List<ChunkSchedule> schedules) {
    Preference preference = new Preference(model, shape, objective);
    double least = Double.MAX_VALUE;
    for (ChunkSchedule schedule : schedules) {
      int[] tokens = schedule.cut(shape.promptTokens() - shape.cachedTokens());
      PlanSearch search =
          new PlanSearch(model, shape, cluster, objective, List.of(schedule), CHUNKS);
      for (SplitPlan plan : search.best(false)) {
        least = Math.min(least, preference.score(plan));
      }
      for (ClusterNode there : cluster.nodes()) {
        for (ClusterNode here : cluster.nodes()) {
          LinkSpeed link = cluster.link(there, here);
          if (link == null) {
            continue;
          }
          for (int b = 1; b <= model.layers(); b++) {
            for (KvWireType wire : KvWireType.values()) {
              if (wire == KvWireType.F16 || shape.lossyWire()) {
                double share = there.correction().shared();
                ChunkCosts away =
                    b == model.layers()
                        ? ChunkCosts.ordered(there, b, shape, schedule, tokens)
                        : ChunkCosts.of(there, share, shape, schedule, tokens);
                double shared = here.correction().shared();
                for (ChunkCosts own :
                    List.of(
                        ChunkCosts.of(here, shared, shape, schedule, tokens),
                        ChunkCosts.together(
                            here, shared, shape, schedule, tokens, LARGEST_CHUNK))) {
                  Pipeline pipeline = new Pipeline(model, shape);
                  pipeline.run(there, away, here, own, link, wire, tokens, b, Pipeline.Scale.NONE);
                  if (objective instanceof Objective.Ttft) {
                    least = Math.min(least, pipeline.ttft());
                  } else {
                    least =
                        Math.min(least, preference.score(pipeline.ttft(), pipeline.e2e(), 0, 0));
                  }
                }
              }
            }
          }
        }
      }
    }
    return least;
  }

  @Test
  void shouldFindWhatLookingAtEveryPlanFinds() {
    for (int i = 0; i < 400; i++) {
      PlannedModel model = model();
      Cluster cluster = cluster(random.nextInt(1, 4));
      RequestShape shape = shape();
      // With one schedule alone, a bad boundary is not made up for by another schedule.
      List<ChunkSchedule> all = PLANNER.schedulesFor(shape);
      List<ChunkSchedule> schedules = List.of(all.get(random.nextInt(all.size())));
      for (Objective objective :
          List.of(new Objective.Ttft(), new Objective.E2e(), new Objective.E2eWithin(0.5))) {
        Preference preference = new Preference(model, shape, objective);
        double found =
            new PlanSearch(model, shape, cluster, objective, schedules, CHUNKS)
                .best(true).stream().mapToDouble(preference::score).min().orElseThrow();
        assertEquals(
            exhaustive(model, shape, cluster, objective, schedules),
            found,
            1e-9 * found,
            () -> objective + " of " + shape + " on " + cluster);
      }
    }
  }

  @Test
  void shouldPlanTheSameForTheSame() {
    for (int i = 0; i < 50; i++) {
      PlannedModel model = model();
      Cluster cluster = cluster(4);
      RequestShape shape = shape();
      for (Objective objective : OBJECTIVES) {
        assertEquals(
            PLANNER.plan(model, shape, cluster, objective),
            new SplitPlanner(LARGEST_CHUNK).plan(model, shape, cluster, objective));
      }
    }
  }

  @Test
  void shouldNeverPredictWorseWithAFasterLinkOrOneMoreNode() {
    for (int i = 0; i < 200; i++) {
      PlannedModel model = model();
      Cluster cluster = cluster(3);
      RequestShape shape = shape();
      Map<Cluster.Way, LinkSpeed> faster = new HashMap<>(cluster.links());
      faster.replaceAll((way, link) ->
          new LinkSpeed(
              link.orderSeconds() * 0.7,
              link.latencySeconds() * 0.9,
              link.f16BytesPerSecond() * 1.5,
              link.q8BytesPerSecond() * 1.5,
              link.slowdown(),
              link.error()));
      List<ClusterNode> more = new ArrayList<>(cluster.nodes());
      more.add(node("one more"));
      Map<Cluster.Way, LinkSpeed> links = new HashMap<>(cluster.links());
      links.put(new Cluster.Way("one more", "n0"), link());
      for (Objective objective : OBJECTIVES) {
        double before = bestScore(model, shape, cluster, objective) * (1 + 1e-9);
        assertTrue(
            bestScore(model, shape, new Cluster(cluster.nodes(), faster), objective) <= before,
            () -> "a faster link: " + objective + " of " + shape + " on " + cluster);
        assertTrue(
            bestScore(model, shape, new Cluster(more, links), objective) <= before,
            () -> "one more node: " + objective + " of " + shape + " on " + cluster);
      }
    }
  }

  @Test
  void shouldPredictAGivenWayLikeOneOfItsOwn() {
    for (int i = 0; i < 200; i++) {
      PlannedModel model = model();
      Cluster cluster = cluster(3);
      RequestShape shape = shape();
      for (SplitPlan own :
          PLANNER.plan(model, shape, cluster, new Objective.E2e()).alternatives()) {
        SplitPlan given =
            PLANNER.predict(
                model,
                shape,
                cluster,
                own.isLocal() ? -1 : cluster.nodes().indexOf(own.prefillNode()),
                cluster.nodes().indexOf(own.decodeNode()),
                own.boundaryLayer(),
                own.chunks(),
                own.wireType());
        assertEquals(own, given);
      }
    }
  }

  @Test
  void shouldNotPredictAWayThatIsNotThere() {
    Cluster cluster = new Cluster(List.of(node("a"), node("b")), Map.of());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            PLANNER.predict(
                model(), shape(), cluster, 0, 1, 1, ChunkSchedule.equal(64), KvWireType.F16));
  }

  @Test
  void shouldNeverChooseWhatItPredictsToBeWorseThanOneNode() {
    for (int i = 0; i < 300; i++) {
      PlannedModel model = model();
      Cluster cluster = cluster(4);
      RequestShape shape = shape();
      for (Objective objective : OBJECTIVES) {
        Preference preference = new Preference(model, shape, objective);
        PlanDecision decision = PLANNER.plan(model, shape, cluster, objective);
        double alone =
            decision.alternatives().stream()
                .filter(SplitPlan::isLocal)
                .mapToDouble(preference::score)
                .min()
                .orElseThrow();
        if (!decision.chosen().isLocal()) {
          assertTrue(preference.score(decision.chosen()) <= alone);
        }
        assertEquals(1, decision.reason().lines().count());
      }
    }
  }

  @Test
  void shouldAccountForAllOfThePredictedTime() {
    for (int i = 0; i < 200; i++) {
      PlanDecision decision = PLANNER.plan(model(), shape(), cluster(3), new Objective.E2e());
      for (SplitPlan plan : decision.alternatives()) {
        assertEquals(plan.prediction().e2eSeconds(), sum(plan.prediction().path()), 1e-4);
        assertEquals(plan.prediction().ttftSeconds(), sum(plan.prediction().ttftPath()), 1e-4);
      }
    }
  }

  private static double sum(Prediction.Path path) {
    return path.queue() + path.prefillNode() + path.link() + path.prefillHere() + path.decode();
  }

  @Test
  void shouldKeepAFewTokensAtHomeAndSayWhy() {
    Cluster cluster = cluster(4);
    RequestShape hello = new RequestShape(5, 0, 100, false);
    PlanDecision decision = PLANNER.plan(model(), hello, cluster, new Objective.E2e());
    assertTrue(decision.chosen().isLocal());
    assertTrue(decision.reason().contains("never leave"), decision.reason());
  }

  // Two alike nodes whose link carries a prompt in a tenth of what computing it takes.

  private static final PlannedModel MODEL =
      new PlannedModel("plain", new KvGeometry(10, 8, 128), 1024);

  private static final double TOKEN_SECONDS = 1e-4; // a layer

  private static ClusterNode plain(String name, boolean prefills) {
    SpeedProfile speed =
        new SpeedProfile(
            "plain",
            List.of(new ChunkPoint(1, TOKEN_SECONDS), new ChunkPoint(4096, 4096 * TOKEN_SECONDS)),
            0,
            1e-3,
            1e-2,
            0,
            0,
            0.01,
            0.01);
    return new ClusterNode(name, speed, prefills, !prefills, 0, Correction.NONE, 0, 0, 0);
  }

  private static PlanDecision plan(int cached, ClusterNode here, ClusterNode there) {
    double rate = 10 * MODEL.kvBytes(KvWireType.F16) / TOKEN_SECONDS;
    LinkSpeed link = new LinkSpeed(1e-3, 1e-4, rate, rate, 1, 0.01);
    Cluster cluster =
        new Cluster(List.of(here, there), Map.of(new Cluster.Way("there", "here"), link));
    return PLANNER.plan(
        MODEL, new RequestShape(2048, cached, 16, false), cluster, new Objective.E2e());
  }

  @Test
  void shouldSendAPromptToWhoHoldsItAndTransferWhatIsLackingHere() {
    ClusterNode here = plain("here", false);
    ClusterNode there = plain("there", true);
    PlanDecision decision = plan(0, here, there.with(0, HeldPrefix.whole(10, 1984)));
    assertEquals(10, decision.chosen().boundaryLayer());
    Prediction prediction = decision.chosen().prediction();
    assertEquals(64 * 10 * TOKEN_SECONDS, prediction.compute().prefillThere(), 1e-9);
    assertTrue(prediction.bytesMoved() > 2048 * 10 * MODEL.kvBytes(KvWireType.F16));
    assertTrue(
        decision.reason().contains("1984 tokens held and 0 ms of work at there"),
        decision.reason());
    // In layers [0, 4) alone it is worth nothing to a node that lacks the boundary's rows.
    PlanDecision part = plan(0, here, there.with(0, HeldPrefix.whole(4, 1984)));
    assertEquals(
        plan(0, here, there).chosen().prediction().e2eSeconds(),
        part.chosen().prediction().e2eSeconds(),
        1e-9);
  }

  @Test
  void shouldStayAwayFromAQueueAtTheOtherNodeAndFromItsOwn() {
    ClusterNode here = plain("here", false);
    ClusterNode there = plain("there", true);
    assertTrue(plan(0, here, there).chosen().boundaryLayer() > 0);
    PlanDecision away = plan(0, here, there.with(5, HeldPrefix.NONE));
    assertTrue(away.chosen().isLocal(), away.reason());
    assertTrue(away.reason().contains("5.00 s of work at there"), away.reason());
    // Of what is held there, nothing is worth five seconds.
    assertTrue(plan(0, here, there.with(5, HeldPrefix.whole(10, 1984))).chosen().isLocal());
    PlanDecision own = plan(0, here.with(5, HeldPrefix.NONE), there);
    assertEquals(10, own.chosen().boundaryLayer(), own.reason());
    // What is held here helps nobody who has to wait for the node.
    PlanDecision held = plan(1024, here.with(5, HeldPrefix.NONE), there);
    assertEquals(10, held.chosen().boundaryLayer(), held.reason());
  }

  @Test
  void shouldComputeAnAnswerAgainThereOrStayWhicheverIsSooner() {
    ClusterNode here = plain("here", false);
    // The first turn of 960 tokens was split, the answer of 960 is here alone.
    HeldPrefix first = HeldPrefix.whole(10, 960);
    PlanDecision slowThere = plan(1920, here, plain("there", true).with(0, first));
    assertTrue(slowThere.chosen().isLocal(), slowThere.reason());
    PlanDecision busyHere =
        plan(1920, here.with(2, HeldPrefix.NONE), plain("there", true).with(0, first));
    assertEquals(10, busyHere.chosen().boundaryLayer(), busyHere.reason());
    Prediction again = busyHere.chosen().prediction();
    assertEquals((2048 - 960) * 10 * TOKEN_SECONDS, again.compute().prefillThere(), 1e-9);
    double bytes = 128.0 * 10 * MODEL.kvBytes(KvWireType.F16) + MODEL.hiddenBytes();
    assertEquals(bytes, again.bytesMoved(), 1e-9);
    assertTrue(
        busyHere.reason().contains("1920 tokens held and 2.00 s of work at here and 960 tokens"),
        busyHere.reason());
  }

  @Test
  void shouldCountTheAnswerAgainInTheLayersThatLackIt() {
    ClusterNode here = plain("here", false);
    HeldPrefix parts =
        new HeldPrefix(List.of(new HeldPrefix.Part(4, 1024), new HeldPrefix.Part(10, 512)));
    assertEquals(1024, parts.tokens(4));
    assertEquals(512, parts.tokens(5));
    assertEquals(0, parts.tokens(11));
    LinkSpeed link = new LinkSpeed(0, 0, 1e12, 1e12, 1, 0);
    Cluster cluster =
        new Cluster(
            List.of(here, plain("there", true).with(0, parts)),
            Map.of(new Cluster.Way("there", "here"), link));
    RequestShape shape = new RequestShape(2048, 1024, 1, false);
    for (int boundary : new int[] {3, 4, 5, 10}) {
      SplitPlan plan =
          PLANNER.predict(
              MODEL, shape, cluster, 1, 0, boundary, ChunkSchedule.equal(128), KvWireType.F16);
      int computed = boundary <= 4 ? 1024 : 1536;
      assertEquals(
          computed * boundary * TOKEN_SECONDS,
          plan.prediction().compute().prefillThere(),
          1e-9,
          "layers [0, " + boundary + ")");
    }
  }
}
