package dev.baton.plan;

import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Chooses where a request is computed. A pure function: no clock, no randomness, nothing
 * remembered. Any thread.
 *
 * <p>Candidates are every decode node alone, and for every pair with a link every boundary layer,
 * equal and tapered chunks, and the wire types that the request allows. Of the best of each kind
 * the one with the fewest moving parts is taken that is no worse than the best of all by more than
 * the model's error of the <em>difference</em>: what two plans have in common (the same decode
 * steps, most of the same prefill) is as wrong for the one as for the other and says nothing about
 * which is better.
 */
public final class SplitPlanner {
  private static final int[] CHUNK_TOKENS = {32, 64, 128, 256, 512, 1024, 2048, 4096};

  /** A tapered schedule's last chunks are smaller than its first by these. */
  private static final int[] TAPERS = {4, 8};

  /** More chunks than that pay for no plan: their overhead is measured, their gain is not. */
  private static final int MOST_CHUNKS = 128;

  /** Fewer than one KV block never leave the node: nothing could be won worth a message. */
  public static final int LEAST_TOKENS = KvGeometry.BLOCK_TOKENS;

  private final PlanSearch.Chunks chunks;
  private final List<ChunkSchedule> schedules;

  /**
   * @param largestChunkTokens the largest chunk that all nodes take
   */
  public SplitPlanner(int largestChunkTokens) {
    this(largestChunkTokens, largestChunkTokens);
  }

  /**
   * @param largestChunkTokens the largest chunk that decode nodes take
   * @param largestOrderedTokens the largest chunk of an order, where that is less
   */
  public SplitPlanner(int largestChunkTokens, int largestOrderedTokens) {
    int ordered = Math.min(largestChunkTokens, largestOrderedTokens);
    this.chunks = new PlanSearch.Chunks(largestChunkTokens, ordered);
    List<ChunkSchedule> all = new ArrayList<>();
    if (ordered < CHUNK_TOKENS[0]) {
      all.add(ChunkSchedule.equal(ordered));
    }
    for (int tokens : CHUNK_TOKENS) {
      if (tokens <= largestChunkTokens) {
        all.add(ChunkSchedule.equal(tokens));
        for (int taper : TAPERS) {
          if (tokens / taper >= CHUNK_TOKENS[0]) {
            all.add(new ChunkSchedule(tokens, tokens / taper));
          }
        }
      }
    }
    this.schedules = all.isEmpty() ? List.of(ChunkSchedule.equal(largestChunkTokens)) : all;
  }

  /** The plan for a request, what else there was, and why. */
  public PlanDecision plan(
      PlannedModel model, RequestShape shape, Cluster cluster, Objective objective) {
    List<SplitPlan> alternatives =
        new PlanSearch(model, shape, cluster, objective, schedulesFor(shape), chunks)
            .best(shape.promptTokens() - shape.cachedTokens() >= LEAST_TOKENS);
    Preference preference = new Preference(model, shape, objective);
    alternatives.sort(Comparator.comparingDouble(preference::score));
    SplitPlan chosen = preference.choose(alternatives);
    return new PlanDecision(shape, chosen, alternatives, preference.reason(chosen, alternatives));
  }

  /**
   * What a given way would take, chosen or not.
   *
   * @param there index of the prefill node in the cluster, or -1 to have it all on one node
   * @param here index of the decode node
   * @param boundaryLayer 0 without a prefill node, else 1..layers
   * @param schedule how the prompt is cut
   * @throws IllegalArgumentException when the two have no link
   */
  public SplitPlan predict(
      PlannedModel model,
      RequestShape shape,
      Cluster cluster,
      int there,
      int here,
      int boundaryLayer,
      ChunkSchedule schedule,
      KvWireType wireType) {
    return new PlanSearch(model, shape, cluster, new Objective.E2e(), List.of(schedule), chunks)
        .plan(there, here, boundaryLayer, wireType);
  }

  /** Those that differ for this prompt: a chunk longer than it is like one as long. */
  List<ChunkSchedule> schedulesFor(RequestShape shape) {
    int tokens = shape.promptTokens() - shape.cachedTokens();
    List<ChunkSchedule> fitting = new ArrayList<>();
    for (ChunkSchedule schedule : schedules) {
      boolean last = schedule.equals(schedules.getLast());
      if (tokens <= MOST_CHUNKS * schedule.largestTokens() || (last && fitting.isEmpty())) {
        fitting.add(schedule);
      }
      if (schedule.smallestTokens() == schedule.largestTokens()
          && schedule.largestTokens() >= tokens) {
        break;
      }
    }
    return fitting;
  }
}
