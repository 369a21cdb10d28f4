package dev.baton.plan;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Looks through all plans for one request. Two nodes cannot be faster than both computing without a
 * pause, so most pairs, chunk schedules and boundary layers need not be looked at.
 */
final class PlanSearch {
  private final PlannedModel model;
  private final RequestShape shape;
  private final Cluster cluster;
  private final Objective objective;
  private final Preference preference;
  private final List<ChunkSchedule> schedules;
  private final int[][] tokens;
  private final ChunkCosts[][] costs; // by node, by schedule: of a prompt that it has all of
  private final ChunkCosts[][] ordered; // the same of one that another node ordered
  private final ChunkCosts[][] shared; // the same of one that two nodes share
  private final ChunkCosts[][] together; // the same, chunks that pile up taken together
  private final Pipeline pipeline;
  private final Chunks chunks;

  /**
   * What nodes take together at most.
   *
   * @param largestTokens of a decode node's chunk
   * @param orderedTokens of a chunk of an order
   */
  record Chunks(int largestTokens, int orderedTokens) {}

  PlanSearch(
      PlannedModel model,
      RequestShape shape,
      Cluster cluster,
      Objective objective,
      List<ChunkSchedule> schedules,
      Chunks chunks) {
    this.chunks = chunks;
    this.model = model;
    this.shape = shape;
    this.cluster = cluster;
    this.objective = objective;
    this.schedules = schedules;
    this.preference = new Preference(model, shape, objective);
    this.pipeline = new Pipeline(model, shape);
    this.tokens = new int[schedules.size()][];
    for (int s = 0; s < tokens.length; s++) {
      tokens[s] = schedules.get(s).cut(shape.promptTokens() - shape.cachedTokens());
    }
    List<ClusterNode> nodes = cluster.nodes();
    this.costs = new ChunkCosts[nodes.size()][tokens.length];
    this.ordered = new ChunkCosts[nodes.size()][tokens.length];
    this.shared = new ChunkCosts[nodes.size()][tokens.length];
    this.together = new ChunkCosts[nodes.size()][tokens.length];
    for (int n = 0; n < costs.length; n++) {
      for (int s = 0; s < tokens.length; s++) {
        ChunkSchedule schedule = schedules.get(s);
        ClusterNode node = nodes.get(n);
        Correction of = node.correction();
        costs[n][s] = ChunkCosts.of(node, of.prefill(), shape, schedule, tokens[s]);
        ordered[n][s] =
            node.held().tokens(model.layers()) <= shape.cachedTokens()
                ? costs[n][s]
                : ChunkCosts.ordered(node, model.layers(), shape, schedule, tokens[s]);
        shared[n][s] = ChunkCosts.of(node, of.shared(), shape, schedule, tokens[s]);
        together[n][s] =
            ChunkCosts.together(
                node, of.shared(), shape, schedule, tokens[s], chunks.largestTokens);
      }
    }
  }

  /** A way for the prompt: {@code there} is -1 for a node alone. */
  private record Candidate(
      int there, int here, int schedule, KvWireType wireType, int boundary, boolean together) {}

  /** Two nodes, how the prompt is cut, and what the decode node's share of it takes. */
  private record Way(
      Pair pair,
      int schedule,
      KvWireType wireType,
      ChunkCosts there,
      ChunkCosts here,
      double rowsSeconds) {}

  /** Two nodes that may work together. */
  private record Pair(int there, int here, LinkSpeed link, double bound) {
    /** True when this pair's plans are worth what the other's are. */
    boolean isLike(Pair other, Cluster cluster) {
      return bound == other.bound
          && link.equals(other.link)
          && isLike(there, other.there, cluster)
          && isLike(here, other.here, cluster);
    }

    private static boolean isLike(int one, int other, Cluster cluster) {
      ClusterNode node = cluster.nodes().get(other);
      return cluster.nodes().get(one).named(node.name()).equals(node);
    }
  }

  /**
   * The best plan of each kind: each node alone, and where {@code split} allows it the whole
   * prefill away and a boundary inside.
   */
  List<SplitPlan> best(boolean split) {
    List<SplitPlan> plans = new ArrayList<>();
    for (int n = 0; n < costs.length; n++) {
      if (cluster.nodes().get(n).decodes()) {
        plans.add(plan(alone(n)));
      }
    }
    List<Pair> pairs = split ? pairs() : List.of();
    Candidate whole = bestOf(pairs, true);
    Candidate inside = bestOf(pairs, false);
    if (whole != null) {
      plans.add(plan(whole));
    }
    if (inside != null) {
      plans.add(plan(inside));
    }
    return plans;
  }

  /** A node that does it all takes the largest chunks it can, whatever a plan says. */
  private Candidate alone(int n) {
    int largest = 0;
    for (int s = 1; s < tokens.length; s++) {
      ChunkSchedule schedule = schedules.get(s);
      if (schedule.smallestTokens() == schedule.largestTokens()) {
        largest = s;
      }
    }
    return new Candidate(-1, n, largest, KvWireType.F16, 0, false);
  }

  private List<Pair> pairs() {
    List<ClusterNode> nodes = cluster.nodes();
    List<Pair> pairs = new ArrayList<>();
    for (int there = 0; there < costs.length; there++) {
      for (int here = 0; here < costs.length; here++) {
        LinkSpeed link = cluster.link(nodes.get(there), nodes.get(here));
        if (there != here
            && nodes.get(there).prefills()
            && nodes.get(here).decodes()
            && link != null) {
          double bound = Double.MAX_VALUE;
          for (int s = 0; s < tokens.length; s++) {
            double least = Math.min(shared[here][s].sum(), together[here][s].sum());
            bound = Math.min(bound, bound(here, ordered[there][s].sum(), least));
            bound = Math.min(bound, bound(here, shared[there][s].sum(), least));
          }
          pairs.add(new Pair(there, here, link, bound));
        }
      }
    }
    pairs.sort(Comparator.comparingDouble(Pair::bound));
    List<Pair> unlike = new ArrayList<>();
    for (Pair pair : pairs) {
      if (unlike.isEmpty() || !pair.isLike(unlike.getLast(), cluster)) {
        unlike.add(pair);
      }
    }
    return unlike;
  }

  /**
   * No plan scores less of two nodes that take {@code a} and {@code b} seconds a layer for all of
   * the prompt's chunks.
   */
  private double bound(int here, double a, double b) {
    if (isOfWork()) {
      return 0;
    }
    return (a + b == 0 ? 0 : model.layers() * a * b / (a + b)) + rest(here);
  }

  private @Nullable Candidate bestOf(List<Pair> pairs, boolean whole) {
    Candidate best = null;
    double least = Double.MAX_VALUE;
    for (Pair pair : pairs) {
      if (pair.bound >= least) {
        continue;
      }
      for (int s = 0; s < tokens.length; s++) {
        if (schedules.get(s).largestTokens() > chunks.orderedTokens) {
          continue;
        }
        for (KvWireType wireType : KvWireType.values()) {
          if (wireType != KvWireType.F16
              && !(shape.lossyWire() && wireType.fits(model.geometry()))) {
            continue;
          }
          for (int habit = 0; habit < (whole ? 1 : 2); habit++) {
            ChunkCosts there = (whole ? ordered : shared)[pair.there][s];
            ChunkCosts here = (habit == 0 ? shared : together)[pair.here][s];
            if (bound(pair.here, there.sum(), here.sum()) >= least) {
              continue;
            }
            Way way = new Way(pair, s, wireType, there, here, pipeline.rowsSeconds(pair.link));
            int boundary = whole ? model.layers() : bestBoundary(way, least);
            double score = boundary < 1 ? least : score(way, boundary);
            if (score < least) {
              least = score;
              best = new Candidate(pair.there, pair.here, s, wireType, boundary, habit == 1);
            }
          }
        }
      }
    }
    return best;
  }

  /**
   * The best layer inside the model, or 0 when none is better than {@code least}: from where the
   * bound is lowest outwards, as far as the bound leaves room.
   */
  private int bestBoundary(Way way, double least) {
    int last = model.layers() - 1;
    if (last < 1) {
      return 0;
    }
    int lowest = lowestBound(way, last);
    double score = least;
    int best = 0;
    for (int boundary = lowest; boundary >= 1 && bound(way, boundary) < score; boundary--) {
      double found = score(way, boundary);
      if (found < score) {
        score = found;
        best = boundary;
      }
    }
    for (int boundary = lowest + 1; boundary <= last && bound(way, boundary) < score; boundary++) {
      double found = score(way, boundary);
      if (found < score) {
        score = found;
        best = boundary;
      }
    }
    return best;
  }

  /** The bound is the largest of straight lines: it falls and then rises. */
  private int lowestBound(Way way, int last) {
    int low = 1;
    int high = last;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (bound(way, middle) <= bound(way, middle + 1)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /**
   * No plan with this boundary scores less: the decode node has its share to compute, but not
   * before the first chunk is there; the prefill node has its own, and its last chunk is not all;
   * and all hidden rows have to travel. What is computed again is the least in one layer.
   */
  private double bound(Way way, int boundary) {
    if (isOfWork()) {
      return 0;
    }
    ChunkCosts there = way.there;
    ChunkCosts here = way.here;
    int rest = model.layers() - boundary;
    double before = way.pair.link.orderSeconds() + boundary * there.againSeconds(1);
    double end = rest * here.layerSeconds(here.count() - 1);
    double first = boundary * there.layerSeconds(0);
    double computed = boundary * there.sum() + end;
    double taken = first + rest * here.sum();
    double travelled = first + way.rowsSeconds + end;
    return before + Math.max(Math.max(computed, taken), travelled) + rest(way.pair.here);
  }

  /** True when what counts is how much is computed, not how soon. */
  private boolean isOfWork() {
    return objective instanceof Objective.Energy || objective instanceof Objective.Cost;
  }

  /** Seconds after the prefill that any plan with this decode node takes. */
  private double rest(int here) {
    ClusterNode node = cluster.nodes().get(here);
    double output = node.outputSeconds();
    return objective instanceof Objective.Ttft ? output : output + pipeline.decodeSeconds(node, 1);
  }

  private double score(Way way, int boundary) {
    Pair pair = way.pair;
    ClusterNode there = cluster.nodes().get(pair.there);
    ClusterNode here = cluster.nodes().get(pair.here);
    pipeline.run(
        there,
        way.there,
        here,
        way.here,
        pair.link,
        way.wireType,
        tokens[way.schedule],
        boundary,
        Pipeline.Scale.NONE);
    Busy busy = Busy.of(model, pipeline, there, way.there, here, way.here, boundary);
    return preference.score(pipeline.ttft(), pipeline.e2e(), busy.joules(), busy.usd());
  }

  /** A given plan, with the first of the schedules; the better of the decode node's two habits. */
  SplitPlan plan(int there, int here, int boundary, KvWireType wireType) {
    if (there >= 0 && cluster.link(cluster.nodes().get(there), cluster.nodes().get(here)) == null) {
      throw new IllegalArgumentException(
          "no link from "
              + cluster.nodes().get(there).name()
              + " to "
              + cluster.nodes().get(here).name());
    }
    SplitPlan apart = plan(new Candidate(there, here, 0, wireType, boundary, false));
    if (boundary == 0 || boundary == model.layers()) {
      return apart;
    }
    SplitPlan joined = plan(new Candidate(there, here, 0, wireType, boundary, true));
    return preference.score(joined) < preference.score(apart) ? joined : apart;
  }

  private SplitPlan plan(Candidate of) {
    List<ClusterNode> nodes = cluster.nodes();
    ClusterNode here = nodes.get(of.here);
    ClusterNode there = of.there < 0 ? null : nodes.get(of.there);
    boolean whole = of.boundary == 0 || of.boundary == model.layers();
    ChunkCosts hereCosts = (whole ? costs : of.together ? together : shared)[of.here][of.schedule];
    ChunkCosts thereCosts =
        there == null ? hereCosts : (whole ? ordered : shared)[of.there][of.schedule];
    LinkSpeed link = there == null ? null : cluster.link(there, here);
    Consumer<Pipeline.Scale> run =
        scale -> {
          if (there == null || link == null) {
            pipeline.runAlone(here, hereCosts, scale);
          } else {
            pipeline.run(
                there,
                thereCosts,
                here,
                hereCosts,
                link,
                of.wireType,
                tokens[of.schedule],
                of.boundary,
                scale);
          }
        };
    Prediction.Path ttftPath = pipeline.path(run, true);
    Prediction.Path path = pipeline.path(run, false);
    Busy busy =
        Busy.of(
            model,
            pipeline,
            there == null ? here : there,
            thereCosts,
            here,
            hereCosts,
            of.boundary);
    run.accept(Pipeline.Scale.NONE);
    Prediction prediction =
        new Prediction(
            pipeline.ttft(),
            pipeline.e2e(),
            ttftPath,
            path,
            busy.uncorrected(there, here, whole ? 1 : slowdown(link), whole),
            Preference.error(ttftPath, there, here, link),
            Preference.error(path, there, here, link),
            busy.joules(),
            busy.usd(),
            there == null ? 0 : pipeline.bytes(of.wireType, of.boundary),
            there == null ? List.of() : pipeline.arrivals(tokens[of.schedule]));
    return new SplitPlan(
        there, link, here, of.boundary, schedules.get(of.schedule), of.wireType, prediction);
  }

  private static double slowdown(@Nullable LinkSpeed link) {
    return link == null ? 1 : link.slowdown();
  }

  /** What a plan draws and costs: nodes count while they compute for it. */
  private record Busy(double joules, double usd, double away, double prefill, double decode) {
    private static final double SECONDS_AN_HOUR = 3600;

    static Busy of(
        PlannedModel model,
        Pipeline pipeline,
        ClusterNode there,
        ChunkCosts thereCosts,
        ClusterNode here,
        ChunkCosts hereCosts,
        int boundary) {
      double away = boundary * (thereCosts.sum() + thereCosts.againSeconds(boundary));
      double prefill = (model.layers() - boundary) * hereCosts.sum() + here.outputSeconds();
      double decode = pipeline.decodeSeconds(here, 1);
      return new Busy(
          there.prefillWatts() * away + here.prefillWatts() * prefill + here.decodeWatts() * decode,
          (there.usdPerHour() * away + here.usdPerHour() * (prefill + decode)) / SECONDS_AN_HOUR,
          away,
          prefill,
          decode);
    }

    /**
     * What the model says without corrections.
     *
     * @param slowdown where two nodes share the prompt
     */
    Prediction.Compute uncorrected(
        @Nullable ClusterNode there, ClusterNode here, double slowdown, boolean whole) {
      return new Prediction.Compute(
          there == null ? 0 : slowdown * away / ofPrefill(there, whole),
          slowdown * prefill / ofPrefill(here, whole),
          decode / here.correction().decode());
    }

    private static double ofPrefill(ClusterNode node, boolean whole) {
      return whole ? node.correction().prefill() : node.correction().shared();
    }
  }
}
