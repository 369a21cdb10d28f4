package dev.baton.sim;

import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.SplitPlan;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Who decides where a request is computed. */
public enum Policy {
  /** The planner, over the whole cluster. */
  BATON,

  /** The decode node with the shortest queue, alone. */
  LOCAL,

  /**
   * The best classic split: the whole prompt at another node. A prompt of less than a KV block
   * stays, as there is no such plan.
   */
  REMOTE,

  /** EXO's rule: {@link #REMOTE} above 1,000 uncached tokens, else {@link #LOCAL}. */
  EXO,

  /**
   * Dynamo's rule: {@link #LOCAL} below 2,048 uncached tokens while less than 0.7 of the prompt is
   * reused, else {@link #REMOTE}.
   */
  DYNAMO;

  private static final int EXO_TOKENS = 1000;
  private static final int DYNAMO_TOKENS = 2048;
  private static final double DYNAMO_REUSE = 0.7;

  /**
   * The policy of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Policy of(String name) {
    return Arrays.stream(values())
        .filter(policy -> policy.word().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "there is no policy '"
                    + name
                    + "'; use "
                    + Arrays.stream(values()).map(Policy::word).collect(Collectors.joining(", "))));
  }

  /** The policy's name. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Makes sure that this policy has a choice in a cluster.
   *
   * @throws IllegalArgumentException if it sends prompts away and no two nodes could do that
   */
  public void requireFits(Cluster cluster) {
    boolean sends = this == REMOTE || this == EXO || this == DYNAMO;
    if (sends && cluster.nodes().stream().noneMatch(from -> prefillsForOthers(cluster, from))) {
      throw new IllegalArgumentException(
          "policy "
              + word()
              + " needs a prefill node with a link to a decode node, and the cluster has none");
    }
  }

  private static boolean prefillsForOthers(Cluster cluster, ClusterNode from) {
    return from.prefills()
        && cluster.nodes().stream().anyMatch(to -> to.decodes() && cluster.link(from, to) != null);
  }

  SplitPlan choose(Situation situation) {
    return switch (this) {
      case BATON -> situation.best();
      case LOCAL -> situation.alone(situation.leastQueued());
      case REMOTE -> remote(situation, true);
      case EXO -> {
        int node = situation.leastQueued();
        yield remote(situation, situation.uncachedTokens(node) > EXO_TOKENS);
      }
      case DYNAMO -> {
        int node = situation.leastQueued();
        int uncached = situation.uncachedTokens(node);
        double reuse = 1 - (double) uncached / situation.request().promptTokens();
        yield remote(situation, !(uncached < DYNAMO_TOKENS && reuse < DYNAMO_REUSE));
      }
    };
  }

  private static SplitPlan remote(Situation situation, boolean away) {
    SplitPlan plan = away ? situation.bestClassic() : null;
    return plan == null ? situation.alone(situation.leastQueued()) : plan;
  }
}
