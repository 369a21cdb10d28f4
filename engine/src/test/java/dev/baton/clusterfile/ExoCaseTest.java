package dev.baton.clusterfile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.plan.Objective;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/**
 * The published case of one DGX Spark and one M3 Ultra: Llama-3.1-8B F16, 8,192 tokens in, 32 out
 * (EXO's blog, October 2025). The table of its classic split and of slower links is what simple
 * arithmetic with a perfect overlap gives.
 *
 * <p>The published rates are read as taken in chunks of 2,048. Read as one chunk of 8,192, the
 * plans inside the model would take 2.31 s at 10 GbE and 3.43 s at 2.5 GbE.
 */
final class ExoCaseTest {
  private static final RequestShape SHAPE = new RequestShape(8192, 0, 32, false);
  private static final int LAYERS = 32;

  @Test
  void shouldPredictThePublishedTimes() {
    PlanDecision decision = decision("exo-10gbe");

    assertWithin(4.34, e2e(decision, plan -> alone(plan, "spark")));
    assertWithin(6.42, e2e(decision, plan -> alone(plan, "m3-ultra")));
    assertWithin(2.32, e2e(decision, ExoCaseTest::isClassic));
    assertWithin(4.55, e2e(decision("exo-2.5gbe"), ExoCaseTest::isClassic));
  }

  @Test
  void shouldSplitInsideTheModelWithTaperedChunksOnAFastLink() {
    SplitPlan chosen = decision("exo-10gbe").chosen();

    assertPipelined(chosen);
    assertTrue(chosen.chunks().smallestTokens() < chosen.chunks().largestTokens(), show(chosen));
    assertTrue(chosen.prediction().e2eSeconds() <= 2.25, show(chosen));
  }

  @Test
  void shouldSplitInsideTheModelWhereTheClassicSplitNoLongerPays() {
    SplitPlan chosen = decision("exo-2.5gbe").chosen();

    assertPipelined(chosen);
    assertTrue(chosen.prediction().e2eSeconds() <= 3.4, show(chosen));
  }

  @Test
  void shouldStayOnTheSparkOnASlowLink() {
    SplitPlan chosen = decision("exo-1gbe").chosen();

    assertTrue(alone(chosen, "spark"), show(chosen));
  }

  private static void assertPipelined(SplitPlan plan) {
    assertNotEquals(0, plan.boundaryLayer(), show(plan));
    assertNotEquals(LAYERS, plan.boundaryLayer(), show(plan));
    assertEquals("m3-ultra", plan.decodeNode().name(), show(plan));
  }

  private static void assertWithin(double published, double predicted) {
    assertEquals(published, predicted, 0.05 * published);
  }

  private static boolean alone(SplitPlan plan, String node) {
    return plan.isLocal() && plan.decodeNode().name().equals(node);
  }

  private static boolean isClassic(SplitPlan plan) {
    return plan.boundaryLayer() == LAYERS && plan.decodeNode().name().equals("m3-ultra");
  }

  private static double e2e(PlanDecision decision, Predicate<SplitPlan> which) {
    return decision.alternatives().stream()
        .filter(which)
        .findFirst()
        .orElseThrow()
        .prediction()
        .e2eSeconds();
  }

  private static String show(SplitPlan plan) {
    return "b = "
        + plan.boundaryLayer()
        + ", "
        + plan.chunks()
        + ", decoding on "
        + plan.decodeNode().name()
        + ": "
        + plan.prediction();
  }

  private static PlanDecision decision(String cluster) {
    DeviceCatalog catalog = DeviceCatalog.load();
    ModelArchitecture model = catalog.model("llama-3.1-8b-f16");
    return new SplitPlanner(4096)
        .plan(
            model.planned(),
            SHAPE,
            ClusterFile.read(Path.of(cluster), model, catalog).cluster(),
            new Objective.E2e());
  }
}
