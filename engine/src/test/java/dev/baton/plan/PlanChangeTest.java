package dev.baton.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

final class PlanChangeTest {
  private static final SplitPlan A = plan("a", 64);
  private static final SplitPlan A_OTHERWISE = plan("a", 512);
  private static final SplitPlan B = plan("b", 64);

  @Test
  void shouldFindTheLengthAtWhichOtherNodesComputeWhereverItIs() {
    for (int change = 2; change <= 3000; change += 7) {
      int first = change;
      IntFunction<SplitPlan> choice = tokens -> tokens < first ? A : B;

      assertEquals(
          Optional.of(new PlanChange(first, B)),
          PlanChange.above(choice, 1, 3000),
          () -> "" + first);
      assertEquals(
          Optional.of(new PlanChange(first - 1, A)),
          PlanChange.below(choice, 3000, 1),
          () -> "" + first);
    }
  }

  @Test
  void shouldFindNoneWhereTheNodesStayTheSame() {
    IntFunction<SplitPlan> choice = tokens -> tokens < 50 ? A : A_OTHERWISE;

    assertEquals(Optional.empty(), PlanChange.above(choice, 10, 1000));
    assertEquals(Optional.empty(), PlanChange.below(choice, 1000, 1));
    assertEquals(Optional.empty(), PlanChange.below(choice, 1, 1));
  }

  private static SplitPlan plan(String node, int chunk) {
    SpeedProfile speed =
        new SpeedProfile(
            "made up", List.of(new SpeedProfile.ChunkPoint(1, 1)), 0, 0, 1, 0, 0, 0, 0);
    Prediction.Path path = new Prediction.Path(0, 0, 0, 1, 1);
    return new SplitPlan(
        null,
        null,
        new ClusterNode(node, speed, true, true, 0, Correction.NONE, 0, 0, 0),
        0,
        ChunkSchedule.equal(chunk),
        KvWireType.F16,
        new Prediction(
            1, 2, path, path, new Prediction.Compute(0, 1, 1), 0, 0, 0, 0, 0, List.of()));
  }
}
