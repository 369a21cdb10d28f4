package dev.baton.bench.split;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a grid of shapes comes to.
 *
 * @param meanPercent mean regret, where a choice that was better than every candidate counts as 0:
 *     luck with one shape does not pay for another
 * @param worstPercent the largest regret
 * @param batonSeconds all shapes' times until the last token, one after the other
 * @param ruleSeconds the same, had a rule chosen
 * @param oracleSeconds the same of the best of all that was run
 */
record RegretFigures(
    double meanPercent,
    double worstPercent,
    double batonSeconds,
    Map<RoutingRule, Double> ruleSeconds,
    double oracleSeconds) {
  static final double MEAN_BAR_PERCENT = 3;
  static final double WORST_BAR_PERCENT = 12;

  /** Of at least one shape. */
  static RegretFigures of(List<ShapeRegret> shapes) {
    Map<RoutingRule, Double> rules = new EnumMap<>(RoutingRule.class);
    for (RoutingRule rule : RoutingRule.values()) {
      rules.put(rule, shapes.stream().mapToDouble(shape -> shape.ruleMs(rule)).sum() / 1e3);
    }
    return new RegretFigures(
        shapes.stream().mapToDouble(s -> 100 * Math.max(0, s.regret())).average().orElseThrow(),
        shapes.stream().mapToDouble(s -> 100 * s.regret()).max().orElseThrow(),
        shapes.stream().mapToDouble(ShapeRegret::batonMs).sum() / 1e3,
        rules,
        shapes.stream().mapToDouble(ShapeRegret::oracleMs).sum() / 1e3);
  }

  boolean meanIsMet() {
    return meanPercent <= MEAN_BAR_PERCENT;
  }

  boolean worstIsMet() {
    return worstPercent <= WORST_BAR_PERCENT;
  }

  /** Whether Baton took less time than every rule. */
  boolean beatsRules() {
    return ruleSeconds.values().stream().allMatch(seconds -> batonSeconds < seconds);
  }
}
