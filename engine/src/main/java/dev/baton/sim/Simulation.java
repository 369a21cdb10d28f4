package dev.baton.sim;

import dev.baton.kernel.KvWireType;
import dev.baton.plan.Cluster;
import dev.baton.plan.Cluster.Way;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A trace's requests on a cluster under one policy, as a discrete-event simulation. The same input
 * gives the same result. One thread; many simulations may run side by side.
 *
 * <p>What is modelled:
 *
 * <ul>
 *   <li>At its arrival a request is planned once, with the queues as they are predicted then: a
 *       node's unfinished prefills, a link's unfinished transfers, the decode batch.
 *   <li>A node does one thing at a time: a chunk of a prompt, or a decode step of all its answers.
 *       Prefills go first come, first served; between two chunks there is one decode step.
 *   <li>With two nodes, the decode node's share begins after the prefill node's as much later as
 *       the planner's pipeline says, and its answer joins the batch when the KV is there.
 *   <li>A link carries one request at a time, in the order their prefills begin.
 *   <li>A decode node remembers the prompts it answered, those used last, as far as its memory
 *       goes; a prefill node computes its layers of a prefix again, though the engine's keeps them.
 *   <li>Each request's prefill and decode steps take longer or shorter than predicted by a factor
 *       of its own, as far off as the profile says predictions are, drawn from the seed. It is the
 *       same under every policy.
 * </ul>
 *
 * <p>What is not: memory that running answers fill, idle power, failures, the time that planning
 * itself takes, corrections that a node learns.
 */
public final class Simulation {
  private final PlannedModel model;
  private final Cluster cluster;
  private final SplitPlanner planner;
  private final Policy policy;
  private final EventQueue events = new EventQueue();
  private final List<SimulatedNode> nodes = new ArrayList<>();
  private final Map<String, SimulatedNode> byName = new HashMap<>();
  private final Map<Way, Double> linkFreeAt = new HashMap<>();
  private final @Nullable Served[] served;
  private double end;

  /**
   * How a simulation is done.
   *
   * @param largestChunkTokens the largest chunk that all nodes take
   * @param speedup by which requests come faster than in the trace
   * @param seed of how far off predictions are
   */
  public record Settings(int largestChunkTokens, double speedup, long seed) {
    public Settings {
      if (!(speedup > 0) || Double.isInfinite(speedup)) {
        throw new IllegalArgumentException("a speedup is positive, got " + speedup);
      }
    }
  }

  private Simulation(
      PlannedModel model,
      Cluster cluster,
      Map<String, Long> roomBytes,
      Policy policy,
      Settings settings,
      int requests) {
    this.model = model;
    this.cluster = cluster;
    this.policy = policy;
    this.planner = new SplitPlanner(settings.largestChunkTokens);
    this.served = new Served[requests];
    long blockBytes = model.kvBytes(KvWireType.F16) * model.layers() * Trace.BLOCK_TOKENS;
    for (ClusterNode node : cluster.nodes()) {
      long blocks = roomBytes.getOrDefault(node.name(), 0L) / blockBytes;
      SimulatedNode simulated =
          new SimulatedNode(
              node,
              events,
              new SimulatedPrefixIndex(blocks),
              model.layers(),
              settings.largestChunkTokens);
      nodes.add(simulated);
      byName.put(node.name(), simulated);
    }
  }

  /**
   * Runs a trace.
   *
   * @param roomBytes for KV at each node; a node that is not in it remembers no prompt
   * @throws IllegalArgumentException if the policy has no choice in this cluster
   */
  public static SimulationResult run(
      Trace trace,
      PlannedModel model,
      Cluster cluster,
      Map<String, Long> roomBytes,
      Policy policy,
      Settings settings) {
    policy.requireFits(cluster);
    List<TraceRequest> requests = trace.requests();
    Simulation simulation =
        new Simulation(model, cluster, roomBytes, policy, settings, requests.size());
    SplittableRandom random = new SplittableRandom(settings.seed);
    for (int i = 0; i < requests.size(); i++) {
      TraceRequest request = requests.get(i);
      Luck luck = new Luck(random.nextGaussian(), random.nextGaussian());
      int index = i;
      simulation.events.at(
          request.arrivalSeconds() / settings.speedup,
          now -> simulation.new Run(index, request, luck, now).begin());
    }
    simulation.events.run();
    return simulation.result();
  }

  private SimulationResult result() {
    List<Served> all = new ArrayList<>();
    for (Served one : served) {
      if (one == null) {
        throw new IllegalStateException("a request of the simulation did not end");
      }
      all.add(one);
    }
    List<SimulationResult.NodeUse> use = new ArrayList<>();
    for (SimulatedNode node : nodes) {
      use.add(
          new SimulationResult.NodeUse(
              node.node().name(),
              node.prefillSeconds(),
              node.decodeSeconds(),
              node.node().prefillWatts() * node.prefillSeconds()
                  + node.node().decodeWatts() * node.decodeSeconds()));
    }
    return new SimulationResult(policy, all, use, end);
  }

  /** How far off a request's predictions are, in standard deviations. */
  private record Luck(double prefill, double decode) {
    /** With a mean of 1. */
    static double factor(double deviations, double error) {
      return Math.exp(error * deviations - error * error / 2);
    }
  }

  private Situation situation(TraceRequest request, double now) {
    Map<Way, LinkSpeed> links = new HashMap<>(cluster.links());
    linkFreeAt.forEach(
        (way, free) -> links.computeIfPresent(way, (_, link) -> busyUntil(link, free - now)));
    return new Situation(
        planner,
        model,
        request,
        new Cluster(
            nodes.stream().map(node -> node.seen(now, node.node().decodes())).toList(), links),
        nodes.stream().map(node -> node.prefixes().cachedTokens(request)).toList(),
        nodes.stream().map(SimulatedNode::sequences).toList());
  }

  private static LinkSpeed busyUntil(LinkSpeed link, double seconds) {
    return seconds <= link.orderSeconds()
        ? link
        : new LinkSpeed(
            seconds,
            link.latencySeconds(),
            link.f16BytesPerSecond(),
            link.q8BytesPerSecond(),
            link.slowdown(),
            link.error());
  }

  /** One request on its way. */
  private final class Run {
    private final int index;
    private final TraceRequest request;
    private final Luck luck;
    private final double arrival;
    private int partsLeft;
    private int cachedTokens;
    private double ttft;

    Run(int index, TraceRequest request, Luck luck, double arrival) {
      this.index = index;
      this.request = request;
      this.luck = luck;
      this.arrival = arrival;
    }

    void begin() {
      Situation situation = situation(request, arrival);
      SplitPlan plan = policy.choose(situation);
      SimulatedNode here = node(plan.decodeNode());
      cachedTokens = here.prefixes().cachedTokens(request);
      PromptWork work =
          new PromptWork(model, plan, here.node(), request.promptTokens(), cachedTokens);
      ClusterNode there = plan.prefillNode();
      LinkSpeed link = plan.link();
      SimulatedPrefill share = prefill(here, work.here(), _ -> {}, plan);
      here.expect(share);
      partsLeft = 1;
      if (there == null || link == null) {
        here.prefill(share, arrival);
        return;
      }
      partsLeft = 2;
      double begins = Math.max(there.queueSeconds(), link.orderSeconds());
      double after = work.hereAfterSeconds(plan, here.node(), begins);
      SimulatedPrefill away =
          prefill(node(there), work.there(), start -> follow(plan, share, start, after), plan);
      node(there).expect(away);
      LinkSpeed free = cluster.link(node(there).node(), here.node());
      double order = free == null ? 0 : free.orderSeconds();
      events.at(arrival + order, now -> node(there).prefill(away, now));
    }

    private SimulatedNode node(ClusterNode seen) {
      SimulatedNode node = byName.get(seen.name());
      if (node == null) {
        throw new IllegalStateException("a plan names a node that is not there: " + seen.name());
      }
      return node;
    }

    private SimulatedPrefill prefill(
        SimulatedNode node, PromptWork.Chunks chunks, DoubleConsumer started, SplitPlan plan) {
      double factor = Luck.factor(luck.prefill, node.node().speed().prefillError());
      return new SimulatedPrefill(
          chunks,
          factor,
          started,
          end -> {
            if (--partsLeft == 0) {
              firstToken(plan, end);
            }
          });
    }

    /**
     * The prefill node has begun: when the decode node's share can, and until when the link is
     * busy.
     */
    private void follow(SplitPlan plan, SimulatedPrefill share, double start, double after) {
      ClusterNode there = plan.prefillNode();
      LinkSpeed link = plan.link();
      if (there == null || link == null) {
        throw new IllegalStateException("a node alone has nobody to follow");
      }
      Way way = new Way(there.name(), plan.decodeNode().name());
      double sends = Math.max(start, linkFreeAt.getOrDefault(way, 0.0));
      double transfer = plan.prediction().bytesMoved() / link.bytesPerSecond(plan.wireType());
      linkFreeAt.put(way, sends + transfer);
      SimulatedNode here = node(plan.decodeNode());
      events.at(sends + after, now -> here.prefill(share, now));
    }

    private void firstToken(SplitPlan plan, double now) {
      ttft = now - arrival;
      SimulatedNode here = node(plan.decodeNode());
      here.prefixes().keep(request);
      if (request.outputTokens() == 1) {
        lastToken(plan, now);
        return;
      }
      SimulatedNode.Answer answer =
          new SimulatedNode.Answer(
              request.promptTokens(),
              request.outputTokens() - 1,
              Luck.factor(luck.decode, here.node().speed().decodeError()),
              end -> lastToken(plan, end));
      events.at(now + PromptWork.lateKvSeconds(plan, request), join -> here.decode(answer, join));
    }

    private void lastToken(SplitPlan plan, double now) {
      if (served[index] != null) {
        throw new IllegalStateException("a request of the simulation ended twice");
      }
      end = Math.max(end, now);
      served[index] =
          new Served(
              ttft,
              now - arrival,
              request.promptTokens(),
              cachedTokens,
              request.outputTokens(),
              plan.isLocal()
                  ? Served.Where.ALONE
                  : plan.boundaryLayer() == model.layers()
                      ? Served.Where.CLASSIC
                      : Served.Where.INSIDE);
    }
  }
}
