package dev.baton.plan;

import java.util.List;

/**
 * A choice and what it was chosen from.
 *
 * @param chosen the plan to carry out
 * @param alternatives the best plan of each kind (each node alone, the whole prefill at another
 *     node, a boundary inside), the chosen one among them, the predicted best first
 * @param reason why, one sentence for people
 */
public record PlanDecision(SplitPlan chosen, List<SplitPlan> alternatives, String reason) {
  public PlanDecision {
    alternatives = List.copyOf(alternatives);
  }
}
