package dev.baton.plan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Which of several plans is to be taken, and why. */
final class Preference {
  /** A second past a TTFT limit is worse than any answer's length. */
  private static final double LATE = 1e6;

  private final PlannedModel model;
  private final RequestShape shape;
  private final Objective objective;

  Preference(PlannedModel model, RequestShape shape, Objective objective) {
    this.model = model;
    this.shape = shape;
    this.objective = objective;
  }

  /** The less, the better. */
  double score(double ttft, double e2e, double joules, double usd) {
    return switch (objective) {
      case Objective.Ttft() -> ttft;
      case Objective.E2e() -> e2e;
      case Objective.E2eWithin(double limit) -> e2e + LATE * Math.max(0, ttft - limit);
      case Objective.Energy() -> joules;
      case Objective.Cost() -> usd;
    };
  }

  double score(SplitPlan plan) {
    Prediction prediction = plan.prediction();
    return score(
        prediction.ttftSeconds(), prediction.e2eSeconds(), prediction.joules(), prediction.usd());
  }

  /**
   * How far off a time usually is that is made up so: each kind of work is off by its own share.
   */
  static double error(
      Prediction.Path path,
      @Nullable ClusterNode there,
      ClusterNode here,
      @Nullable LinkSpeed link) {
    double away = there == null ? 0 : there.speed().prefillError() * path.prefillNode();
    double way = link == null ? 0 : link.error() * path.link();
    double prefill = here.speed().prefillError() * path.prefillHere();
    double decode = here.speed().decodeError() * path.decode();
    return Math.sqrt(away * away + way * way + prefill * prefill + decode * decode);
  }

  /**
   * Of the plans, best first, the simplest that is as good as the best within the error of their
   * difference, and no worse than the best node alone.
   */
  SplitPlan choose(List<SplitPlan> plans) {
    SplitPlan best = plans.getFirst();
    double alone =
        plans.stream().filter(SplitPlan::isLocal).mapToDouble(this::score).min().orElseThrow();
    SplitPlan chosen = best;
    for (SplitPlan plan : plans) {
      if (parts(plan) < parts(chosen) && score(plan) <= alone && isAsGood(plan, best)) {
        chosen = plan;
      }
    }
    return chosen;
  }

  private int parts(SplitPlan plan) {
    return plan.movingParts(model.layers());
  }

  private boolean isAsGood(SplitPlan plan, SplitPlan best) {
    return score(plan) - score(best) <= errorOfDifference(plan, best);
  }

  /** In the objective's unit; energy and money are as uncertain as the time they are spent in. */
  double errorOfDifference(SplitPlan one, SplitPlan other) {
    if (one.equals(other)) {
      return 0;
    }
    boolean ttft = objective instanceof Objective.Ttft;
    double error = 0;
    for (SplitPlan plan : List.of(one, other)) {
      for (ClusterNode node : nodes(plan)) {
        if (plan.equals(other) && nodes(one).contains(node)) {
          continue;
        }
        double prefill = prefillAt(node, one, ttft) - prefillAt(node, other, ttft);
        double decode = decodeAt(node, one, ttft) - decodeAt(node, other, ttft);
        error += square(node.speed().prefillError() * prefill);
        error += square(node.speed().decodeError() * decode);
      }
    }
    error += square(linkError(one, ttft));
    error += square(linkError(other, ttft));
    double seconds = Math.sqrt(error);
    Prediction best = other.prediction();
    return switch (objective) {
      case Objective.Energy() -> seconds * best.joules() / best.e2eSeconds();
      case Objective.Cost() -> seconds * best.usd() / best.e2eSeconds();
      case Objective.Ttft(), Objective.E2e(), Objective.E2eWithin(double _) -> seconds;
    };
  }

  private static double linkError(SplitPlan plan, boolean ttft) {
    LinkSpeed link = plan.link();
    return link == null ? 0 : link.error() * path(plan, ttft).link();
  }

  private static double square(double x) {
    return x * x;
  }

  private static List<ClusterNode> nodes(SplitPlan plan) {
    ClusterNode there = plan.prefillNode();
    return there == null ? List.of(plan.decodeNode()) : List.of(plan.decodeNode(), there);
  }

  private static Prediction.Path path(SplitPlan plan, boolean ttft) {
    return ttft ? plan.prediction().ttftPath() : plan.prediction().path();
  }

  private static double prefillAt(ClusterNode node, SplitPlan plan, boolean ttft) {
    return node.equals(plan.decodeNode())
        ? path(plan, ttft).prefillHere()
        : node.equals(plan.prefillNode()) ? path(plan, ttft).prefillNode() : 0;
  }

  private static double decodeAt(ClusterNode node, SplitPlan plan, boolean ttft) {
    return node.equals(plan.decodeNode()) ? path(plan, ttft).decode() : 0;
  }

  /** Why, one sentence for people, and with which queues and hits that was counted. */
  String reason(SplitPlan chosen, List<SplitPlan> plans) {
    SplitPlan best = plans.getFirst();
    SplitPlan other =
        chosen.equals(best)
            ? plans.stream()
                .filter(plan -> plan.isLocal() != chosen.isLocal())
                .findFirst()
                .orElse(null)
            : best;
    String request =
        String.format(
            Locale.ROOT,
            "%d tokens in, %d out: %s takes %s",
            shape.promptTokens(),
            shape.outputTokens(),
            name(chosen),
            amount(score(chosen)));
    if (other == null) {
      boolean small = shape.promptTokens() - shape.cachedTokens() < SplitPlanner.LEAST_TOKENS;
      return request
          + (small ? ", and so few tokens never leave a node" : ", and no two nodes have a link")
          + counted(List.of(chosen));
    }
    String alternative =
        chosen.equals(best)
            ? String.format(Locale.ROOT, ", %s %s", name(other), amount(score(other)))
            : String.format(
                Locale.ROOT,
                "; %s would take %s, but the model is unsure of that difference by %s, so the plan"
                    + " with fewer parts is taken",
                name(other),
                amount(score(other)),
                amount(errorOfDifference(chosen, other)));
    return request + alternative + counted(List.of(chosen, other));
  }

  /** What the plans' nodes have of the prompt and before them, where that is anything. */
  private String counted(List<SplitPlan> plans) {
    Map<String, String> nodes = new LinkedHashMap<>();
    for (SplitPlan plan : plans) {
      ClusterNode here = plan.decodeNode();
      nodes.put(here.name(), standing(here, shape.cachedTokens()));
    }
    for (SplitPlan plan : plans) {
      ClusterNode there = plan.prefillNode();
      if (there != null) {
        int held = there.held().tokens(plan.boundaryLayer());
        nodes.putIfAbsent(there.name(), standing(there, held));
      }
    }
    boolean any = shape.cachedTokens() > 0;
    for (SplitPlan plan : plans) {
      for (ClusterNode node : nodes(plan)) {
        any |= node.queueSeconds() > 0 || node.held().mostTokens() > 0;
      }
    }
    return any ? "; counted with " + String.join(" and ", nodes.values()) : "";
  }

  private static String standing(ClusterNode node, int tokens) {
    return String.format(
        Locale.ROOT,
        "%d tokens held and %s of work at %s",
        tokens,
        seconds(node.queueSeconds()),
        node.name());
  }

  private String name(SplitPlan plan) {
    ClusterNode there = plan.prefillNode();
    String here = plan.decodeNode().name();
    if (there == null) {
      return here + " alone";
    }
    return plan.boundaryLayer() == model.layers()
        ? "all prefill on " + there.name() + " and decoding on " + here
        : String.format(
            Locale.ROOT,
            "layers [0, %d) on %s and the rest on %s",
            plan.boundaryLayer(),
            there.name(),
            here);
  }

  private String amount(double score) {
    return switch (objective) {
      case Objective.Energy() -> String.format(Locale.ROOT, "%.1f J", score);
      case Objective.Cost() -> String.format(Locale.ROOT, "$%.6f", score);
      case Objective.Ttft(), Objective.E2e(), Objective.E2eWithin(double _) -> seconds(score);
    };
  }

  private static String seconds(double seconds) {
    if (seconds >= LATE) {
      return "too long for the limit";
    }
    return seconds < 1
        ? String.format(Locale.ROOT, "%.0f ms", seconds * 1e3)
        : String.format(Locale.ROOT, "%.2f s", seconds);
  }
}
