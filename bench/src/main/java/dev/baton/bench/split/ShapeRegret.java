package dev.baton.bench.split;

import dev.baton.bench.report.Spread;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * What requests of one shape took, cut by Baton and in every other way.
 *
 * @param promptTokens length of the prompt
 * @param outputTokens length of the answer
 * @param baton the runs that the planner cut
 * @param candidates the runs of each given split, {@value #LOCAL} and {@value #REMOTE} among them,
 *     in the order to be read
 */
record ShapeRegret(
    int promptTokens,
    int outputTokens,
    List<SplitRun> baton,
    Map<String, List<SplitRun>> candidates) {
  static final String AUTO = "auto";
  static final String LOCAL = "local";
  static final String REMOTE = "remote";

  /** Milliseconds until the last token, Baton's own choice. */
  double batonMs() {
    return e2eMs(baton);
  }

  /** The same of a given split. */
  double candidateMs(String split) {
    return e2eMs(candidates.getOrDefault(split, List.of()));
  }

  /** The same of what a rule would have taken. */
  double ruleMs(RoutingRule rule) {
    return candidateMs(rule.choice(promptTokens));
  }

  /** The split that was fastest of those given. */
  String best() {
    return candidates.keySet().stream()
        .min(Comparator.comparingDouble(this::candidateMs))
        .orElseThrow();
  }

  /** The fastest of all, Baton's choice among them. */
  double oracleMs() {
    return Math.min(batonMs(), candidateMs(best()));
  }

  /** Baton's time over the best given split's, minus one; below 0 where Baton's was better. */
  double regret() {
    return batonMs() / candidateMs(best()) - 1;
  }

  private static double e2eMs(List<SplitRun> runs) {
    return Spread.of(runs.stream().map(SplitRun::e2eMs).toList()).median();
  }
}
