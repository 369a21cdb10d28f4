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
        new Correction(
            random.nextDouble(0.8, 1.2), random.nextDouble(0.8, 1.2), random.nextDouble(0.8, 1.2)),
        random.nextDouble(10, 500),
        random.nextDouble(10, 500),
        random.nextDouble(2));
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
                Correction of = there.correction();
                double factor = b == model.layers() ? of.prefill() : of.shared();
                ChunkCosts away = ChunkCosts.of(there.speed(), factor, shape, schedule, tokens);
                SpeedProfile speed = here.speed();
                double shared = here.correction().shared();
                for (ChunkCosts own :
                    List.of(
                        ChunkCosts.of(speed, shared, shape, schedule, tokens),
                        ChunkCosts.together(
                            speed, shared, shape, schedule, tokens, LARGEST_CHUNK))) {
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
}
