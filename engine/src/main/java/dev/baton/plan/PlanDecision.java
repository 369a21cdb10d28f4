package dev.baton.plan;

import java.util.List;

/**
 * A choice and what it was chosen from.
 *
 * @param shape what was planned for, an expected length of the answer with it
 * @param chosen the plan to carry out
 * @param alternatives the best plan of each kind (each node alone, the whole prefill at another
 *     node, a boundary inside), the chosen one among them, the predicted best first
 * @param reason why, one sentence for people
 */
public record PlanDecision(
    RequestShape shape, SplitPlan chosen, List<SplitPlan> alternatives, String reason) {
  public PlanDecision {
    alternatives = List.copyOf(alternatives);
  }

  /** The chosen plan's time until the last token, for an answer that came to so many tokens. */
  public double e2eSeconds(int outputTokens) {
    return e2eSeconds(chosen, outputTokens);
  }

  /** The same of the best of all plans. */
  public double bestE2eSeconds(int outputTokens) {
    return alternatives.stream()
        .mapToDouble(plan -> e2eSeconds(plan, outputTokens))
        .reduce(e2eSeconds(outputTokens), Math::min);
  }

  private double e2eSeconds(SplitPlan plan, int outputTokens) {
    Prediction prediction = plan.prediction();
    double after = prediction.e2eSeconds() - prediction.ttftSeconds();
    return prediction.ttftSeconds() + shareOfDecode(outputTokens) * after;
  }

  /** Decode steps of such an answer, as a share of those that were planned for. */
  public double shareOfDecode(int outputTokens) {
    int planned = shape.outputTokens() - 1;
    return planned == 0 ? 0 : Math.max(0, outputTokens - 1.0) / planned;
  }
}
