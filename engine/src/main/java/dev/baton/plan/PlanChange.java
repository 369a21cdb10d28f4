package dev.baton.plan;

import java.util.Objects;
import java.util.Optional;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The nearest prompt length that would be computed at other nodes.
 *
 * @param promptTokens that length
 * @param plan the plan there
 */
public record PlanChange(int promptTokens, SplitPlan plan) {
  /**
   * Looks for the shortest longer prompt. Steps double, and what lies between the last step that
   * changes nothing and the first that does is halved; a change that is undone within a step is not
   * seen.
   *
   * @param choice the plan for a prompt of so many tokens
   * @param from the prompt that is asked about
   * @param to the longest to look at
   */
  public static Optional<PlanChange> above(IntFunction<SplitPlan> choice, int from, int to) {
    return find(choice, from, to, 1);
  }

  /**
   * Looks for the longest shorter prompt, in the same way.
   *
   * @param choice the plan for a prompt of so many tokens
   * @param from the prompt that is asked about
   * @param to the shortest to look at
   */
  public static Optional<PlanChange> below(IntFunction<SplitPlan> choice, int from, int to) {
    return find(choice, from, to, -1);
  }

  private static Optional<PlanChange> find(
      IntFunction<SplitPlan> choice, int from, int to, int direction) {
    SplitPlan plan = choice.apply(from);
    int same = from;
    for (long step = 1; same != to; step *= 2) {
      long next = same + direction * step;
      int tokens = (int) (direction > 0 ? Math.min(next, to) : Math.max(next, to));
      SplitPlan there = choice.apply(tokens);
      if (!isAtSameNodes(plan, there)) {
        return Optional.of(between(choice, plan, same, new PlanChange(tokens, there)));
      }
      same = tokens;
    }
    return Optional.empty();
  }

  private static PlanChange between(
      IntFunction<SplitPlan> choice, SplitPlan plan, int same, PlanChange change) {
    while (Math.abs(change.promptTokens - same) > 1) {
      int middle = same + (change.promptTokens - same) / 2;
      SplitPlan there = choice.apply(middle);
      if (isAtSameNodes(plan, there)) {
        same = middle;
      } else {
        change = new PlanChange(middle, there);
      }
    }
    return change;
  }

  private static boolean isAtSameNodes(SplitPlan one, SplitPlan other) {
    return one.decodeNode().name().equals(other.decodeNode().name())
        && Objects.equals(name(one.prefillNode()), name(other.prefillNode()));
  }

  private static @Nullable String name(@Nullable ClusterNode node) {
    return node == null ? null : node.name();
  }
}
