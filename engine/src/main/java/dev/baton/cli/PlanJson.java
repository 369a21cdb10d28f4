package dev.baton.cli;

import dev.baton.plan.ClusterNode;
import dev.baton.plan.PlanChange;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.Prediction;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What {@code baton plan --json} prints.
 *
 * @param request what was asked about
 * @param objective what the plan is to be best at
 * @param chosen the plan to carry out
 * @param reason why
 * @param alternatives the best of each kind, the predicted best first
 * @param changeBelow the longest shorter prompt that other nodes would compute, null for none
 * @param changeAbove the shortest longer one
 * @param notes what else is to be known
 */
record PlanJson(
    String model,
    RequestShape request,
    String objective,
    Plan chosen,
    String reason,
    List<Plan> alternatives,
    @Nullable Change changeBelow,
    @Nullable Change changeAbove,
    List<String> notes) {

  /** A plan, with its nodes by name. */
  record Plan(
      @Nullable String prefillNode,
      String decodeNode,
      int boundaryLayer,
      int layers,
      int largestChunkTokens,
      int smallestChunkTokens,
      String wireType,
      Prediction prediction) {
    static Plan of(SplitPlan plan, int layers) {
      ClusterNode there = plan.prefillNode();
      return new Plan(
          there == null ? null : there.name(),
          plan.decodeNode().name(),
          plan.boundaryLayer(),
          layers,
          plan.chunks().largestTokens(),
          plan.chunks().smallestTokens(),
          plan.wireType().name().toLowerCase(Locale.ROOT),
          plan.prediction());
    }
  }

  /** From which prompt on other nodes compute. */
  record Change(int promptTokens, Plan plan) {
    static @Nullable Change of(@Nullable PlanChange change, int layers) {
      return change == null
          ? null
          : new Change(change.promptTokens(), Plan.of(change.plan(), layers));
    }
  }

  static List<Plan> alternatives(PlanDecision decision, int layers) {
    return decision.alternatives().stream().map(plan -> Plan.of(plan, layers)).toList();
  }
}
