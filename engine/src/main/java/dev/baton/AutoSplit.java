package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.calibrate.Trial;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.PrefillForecast;
import dev.baton.journal.JournalEntry;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.Capability;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.learn.Learning;
import dev.baton.learn.NodeSlowdown;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.Prediction;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Chooses where each request is cut, by what the two nodes and their link were measured to do, and
 * learns from what became of it. Until that is known, requests are answered here. Any thread.
 */
final class AutoSplit implements AutoCloseable {
  private static final String CHILD = "the prefill process";

  /** Fewer decode steps say nothing of a node's speed. */
  private static final int LEAST_STEPS = 8;

  /** Whom all of it is about, and how they are measured. */
  private final Pair pair;

  private final ProfileStore store;
  private final Trial trial;
  private final Measuring measuring;
  private final Learning learning;
  private final NodeSlowdown slowdown = new NodeSlowdown();
  private final LiveCluster live;
  private final StragglerProbe probe;
  private volatile @Nullable LearntPair learnt;

  /**
   * Two nodes and a model.
   *
   * @param node the prefill node while it is there, else null
   */
  record Pair(
      BatonConfig config,
      NodeCompute compute,
      String modelName,
      Supplier<@Nullable PrefillPeer> node,
      DecodeQueue loop) {
    String there() {
      String named = config.prefill();
      return named == null ? CHILD : named;
    }

    int largestChunkTokens() {
      return config.chunks().largestTokens();
    }

    /** Tokens of the largest chunk of an order, as long as the node is there. */
    int orderedChunkTokens() {
      PrefillPeer peer = node.get();
      return peer == null ? largestChunkTokens() : orderedChunkTokens(peer);
    }

    private int orderedChunkTokens(PrefillPeer peer) {
      return Math.min(largestChunkTokens(), peer.limits().chunkTokens());
    }

    private String chunkName(PrefillPeer peer) {
      int here = largestChunkTokens();
      int there = orderedChunkTokens(peer);
      return here == there ? String.valueOf(here) : here + ", there " + there;
    }

    SplitPlanner planner() {
      return new SplitPlanner(largestChunkTokens(), orderedChunkTokens());
    }

    PlannedModel model() {
      return AutoSplit.model(compute);
    }

    ProfileStore.Key key(PrefillPeer peer) {
      return new ProfileStore.Key(
          compute.model().file().fingerprint(),
          compute.description() + ", chunks of " + chunkName(peer),
          there(),
          peer.identity().backend(),
          Kernels.NUMERICS_VERSION);
    }

    Calibration calibration(
        PrefillPeer peer, Trial trial, Calibration.Effort effort, DoubleConsumer progress) {
      int contextTokens = Math.min(compute.contextTokens(), peer.longestPrompt());
      return new Calibration(trial, model(), contextTokens, largestChunkTokens(), effort, progress);
    }

    Trial trial() {
      return AutoSplit.trial(compute, loop);
    }
  }

  static Calibration calibration(
      NodeCompute compute,
      int largestChunkTokens,
      Trial trial,
      Calibration.Effort effort,
      DoubleConsumer progress) {
    return new Calibration(
        trial, model(compute), compute.contextTokens(), largestChunkTokens, effort, progress);
  }

  static Trial trial(NodeCompute compute, DecodeQueue loop) {
    return new Trial(loop, compute.model().shape().vocab());
  }

  private static PlannedModel model(NodeCompute compute) {
    return new PlannedModel(
        compute.model().file().fingerprint(),
        compute.model().kvGeometry(),
        compute.model().shape().dim());
  }

  /**
   * Begins to measure in the background, unless that was done before.
   *
   * @param home where profiles and the journal are kept
   */
  AutoSplit(Pair pair, Path home) {
    this.pair = pair;
    this.trial = pair.trial();
    this.live = new LiveCluster(pair);
    this.learning = new Learning(pair.modelName(), home.resolve("journal"));
    this.store = store(home);
    this.measuring = new Measuring(pair, trial, store, this::learn);
    this.probe = new StragglerProbe(pair, trial, slowdown, () -> learnt);
    measuring.start();
  }

  /** Measures both nodes and their link, whatever is known of them, and keeps that. */
  static PairProfile measure(
      Pair pair, PrefillPeer peer, Path home, Calibration.Effort effort, DoubleConsumer progress)
      throws InterruptedException {
    ProfileStore store = store(home);
    store.requireRoom();
    PairProfile profile = pair.calibration(peer, pair.trial(), effort, progress).pair(peer);
    store.keep(pair.key(peer), profile);
    return profile;
  }

  private static ProfileStore store(Path home) {
    return new ProfileStore(home.resolve("profiles"));
  }

  /** Plans with the profile from now on, and with what earlier requests have shown of it. */
  private void learn(PairProfile profile) {
    try {
      learnt = new LearntPair(profile, learning.correctionsOf(profile), pair.there());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the engine is closed
    }
  }

  /**
   * What a request asks for.
   *
   * @param cachedTokens of the prompt's beginning, whose KV is here
   * @param chain the prompt's hashes; none where it is computed anew
   * @param outputLimit most tokens of the answer
   * @param exactly whether it will have all of them
   * @param caller who asks, or null
   * @param split automatic, or what the caller asked for, which is then the plan
   */
  record Ask(
      int promptTokens,
      int cachedTokens,
      byte[] chain,
      int outputLimit,
      boolean exactly,
      @Nullable String caller,
      Split split) {
    /** Tokens of the prompt that have to go through the layers here. */
    int newTokens() {
      return promptTokens - cachedTokens;
    }
  }

  /**
   * Plans a request, and waits for the nodes to be measured as far as it gains by that. {@link
   * Planned#ended} or {@link Planned#abandoned} has to follow.
   */
  Planned plan(Ask ask) {
    boolean mayLeave = ask.newTokens() >= SplitPlanner.LEAST_TOKENS;
    long waitedNs = learnt == null && mayLeave ? measuring.await(ask.newTokens()) : 0;
    trial.callerBegins();
    try {
      LearntPair known = learnt;
      int outputTokens =
          ask.exactly ? ask.outputLimit : learning.expectedTokens(ask.caller, ask.outputLimit);
      PrefillPeer peer = pair.node().get();
      KvWireType wireType = pair.config().wireType();
      boolean lossyWire =
          wireType != KvWireType.F16 && (peer == null || unused(peer, wireType) == null);
      RequestShape shape =
          new RequestShape(ask.promptTokens, ask.cachedTokens, outputTokens, lossyWire);
      double timesSlower = slowdown.times(System.nanoTime());
      LiveCluster.Seen seen = known == null ? null : live.look(known, shape, ask, timesSlower);
      PlanDecision decision =
          seen == null ? unmeasured(shape, ask) : measured(seen, timesSlower, shape, ask);
      String reason =
          decision != null ? decision.reason() : ask.split instanceof Split.Auto ? why() : null;
      return new Planned(known, decision, reason, waitedNs, ask, seen == null || seen.knowsHeld());
    } catch (RuntimeException | Error e) {
      trial.callerEnds();
      throw e;
    }
  }

  private PlanDecision measured(
      LiveCluster.Seen seen, double timesSlower, RequestShape shape, Ask ask) {
    Cluster cluster = seen.cluster();
    SplitPlanner planner = pair.planner();
    PlanDecision free = planner.plan(pair.model(), shape, cluster, pair.config().objective());
    PlanDecision decision =
        ask.split instanceof Split.Auto
            ? fitting(planner, shape, cluster, free)
            : asked(planner, shape, cluster, ask.split, free);
    return told(
        timesSlower,
        seen.doubt() == null
            ? decision
            : because(decision, decision.reason() + "; " + seen.doubt()));
  }

  /** Says what else counted beside speeds, and what the numbers are. */
  private PlanDecision told(double timesSlower, PlanDecision decision) {
    return fidelity(
        timesSlower < NodeSlowdown.LEAST
            ? decision
            : because(
                decision,
                String.format(
                    Locale.ROOT,
                    "%s; the prefill node was left for being slow, and is taken to need %.0f times"
                        + " as long",
                    decision.reason(),
                    timesSlower)));
  }

  private static PlanDecision because(PlanDecision decision, String reason) {
    return new PlanDecision(decision.shape(), decision.chosen(), decision.alternatives(), reason);
  }

  /** What is known as long as only this node is measured; null when not even that is. */
  private @Nullable PlanDecision unmeasured(RequestShape shape, Ask ask) {
    SpeedProfile speed = measuring.here();
    if (speed == null || !(ask.split instanceof Split.Auto)) {
      return null;
    }
    ClusterNode here =
        new ClusterNode(LearntPair.HERE, speed, false, true, 0, Correction.NONE, 0, 0, 0);
    PlanDecision alone =
        pair.planner()
            .plan(
                pair.model(),
                shape,
                new Cluster(List.of(here), Map.of()),
                pair.config().objective());
    return ask.newTokens() < SplitPlanner.LEAST_TOKENS ? alone : because(alone, why());
  }

  private String why() {
    return "all here: " + measuring.whyUnknown();
  }

  /** A prompt that is too long for the other node stays here. */
  private PlanDecision fitting(
      SplitPlanner planner, RequestShape shape, Cluster cluster, PlanDecision free) {
    PrefillPeer peer = pair.node().get();
    if (free.chosen().isLocal() || peer == null || shape.promptTokens() <= peer.longestPrompt()) {
      return free;
    }
    PlanDecision local = asked(planner, shape, cluster, new Split.Local(), free);
    return because(local, tooLong(shape.promptTokens(), peer));
  }

  /** What was asked for and is not used because the node lacks it, or null. */
  static @Nullable String unused(PrefillPeer peer, KvWireType wireType) {
    return wireType == KvWireType.F16
            || peer.identity().capabilities().contains(Capability.LOSSY_ROWS)
        ? null
        : "the prefill node does not send "
            + wireType.name().toLowerCase(Locale.ROOT)
            + ", so that its KV comes as f16";
  }

  /** Why a prompt is not prefilled there. */
  static String tooLong(int promptTokens, PrefillPeer peer) {
    boolean context = peer.identity().contextTokens() <= peer.limits().roomTokens();
    return "a prompt of "
        + promptTokens
        + " tokens is longer than the prefill node's "
        + (context ? "context of " : "room for ")
        + peer.longestPrompt()
        + (context ? ": start it with a larger " : " tokens: start it with a larger ")
        + (context ? KvDemand.CONTEXT_OPTION : KvDemand.ROOM_OPTION);
  }

  /** Says where unlike backends share a request: there the same bits are promised by nobody. */
  private PlanDecision fidelity(PlanDecision decision) {
    return decision.chosen().isLocal() || pair.compute().isExactWith(pair.node().get())
        ? decision
        : because(decision, decision.reason() + "; numbers agree within tolerance");
  }

  private PlanDecision asked(
      SplitPlanner planner, RequestShape shape, Cluster cluster, Split split, PlanDecision free) {
    BatonConfig config = pair.config();
    PlannedModel model = pair.model();
    PrefillPeer peer = pair.node().get();
    boolean lossy = peer == null || unused(peer, config.wireType()) == null;
    int boundary = split.boundaryLayer(model.layers());
    SplitPlan asked =
        boundary == 0
            ? planner.predict(
                model, shape, cluster, -1, 0, 0, equal(config.chunks()), KvWireType.F16)
            : planner.predict(
                model,
                shape,
                cluster,
                1,
                0,
                boundary,
                config.chunks().within(pair.orderedChunkTokens()),
                lossy ? config.wireType() : KvWireType.F16);
    List<SplitPlan> plans = new ArrayList<>(free.alternatives());
    plans.removeIf(plan -> plan.equals(asked));
    plans.add(asked);
    plans.sort(Comparator.comparingDouble(plan -> plan.prediction().e2eSeconds()));
    return new PlanDecision(shape, asked, plans, "as asked for; left to Baton: " + free.reason());
  }

  private static ChunkSchedule equal(ChunkSchedule chunks) {
    return ChunkSchedule.equal(chunks.largestTokens());
  }

  /** A request on its way. */
  final class Planned {
    private final @Nullable LearntPair known;
    private final @Nullable PlanDecision decision;
    private final @Nullable String reason;
    private final long waitedNs;
    private final Ask ask;
    private final boolean knowsHeld;

    private Planned(
        @Nullable LearntPair known,
        @Nullable PlanDecision decision,
        @Nullable String reason,
        long waitedNs,
        Ask ask,
        boolean knowsHeld) {
      this.known = known;
      this.decision = decision;
      this.reason = reason;
      this.waitedNs = waitedNs;
      this.ask = ask;
      this.knowsHeld = knowsHeld;
    }

    /** What was chosen from what; null where too little was measured to predict anything. */
    @Nullable PlanDecision decision() {
      return decision;
    }

    /**
     * When the KV of its prefill is to come; null where nothing is predicted, or none is to, or
     * Baton did not choose: what was asked for may be predicted to be slow.
     */
    @Nullable PrefillForecast forecast() {
      PlanDecision planned = decision;
      boolean chosen = ask.split instanceof Split.Auto;
      if (planned == null || !chosen || planned.chosen().isLocal()) {
        return null;
      }
      List<Prediction.Arrival> points = planned.chosen().prediction().arrivals();
      Prediction here =
          planned.alternatives().stream()
              .filter(SplitPlan::isLocal)
              .findFirst()
              .orElseThrow()
              .prediction();
      return new PrefillForecast(
          points.stream().mapToDouble(Prediction.Arrival::share).toArray(),
          points.stream().mapToLong(point -> Math.round(point.seconds() * 1e9)).toArray(),
          Math.round((here.ttftSeconds() - here.ttftPath().queue()) * 1e9));
    }

    /** The prefill node was left: the next plan knows. */
    void leftStraggler(double timesSlower) {
      slowdown.left(timesSlower, System.nanoTime());
      probe.begin();
    }

    /** Whether both nodes were measured when it was planned. */
    boolean isMeasured() {
      return known != null;
    }

    /** Why it is done so, one sentence, where Baton chose or was measured. */
    @Nullable String reason() {
      return reason;
    }

    /** How long it waited for the nodes to be measured. */
    long waitedNs() {
      return waitedNs;
    }

    /** The request could not be started. */
    void abandoned() {
      trial.callerEnds();
    }

    /**
     * Notes what became of the request, in a little while. Answers that did not come to their end
     * say nothing.
     *
     * @param unplanned why the plan could not even be begun, or null
     */
    void ended(DecodeOutcome outcome, double ttftSeconds, @Nullable String unplanned) {
      trial.callerEnds();
      PlanDecision planned = decision;
      if (planned == null
          || outcome.tokens().outputTokens() == 0
          || outcome.tokens().cachedTokens() != planned.shape().cachedTokens()
          || outcome.end() == DecodeOutcome.End.FAILED) {
        return;
      }
      noteDelivered(planned, outcome);
      learning.note(
          known == null ? null : known.corrections(),
          () -> entry(planned, outcome, ttftSeconds, unplanned));
    }

    /** How long the node took at last, where it was known to be slow. */
    private void noteDelivered(PlanDecision planned, DecodeOutcome outcome) {
      double took = tellingSecondsThere(planned, outcome);
      if (took > 0 && outcome.fallback() == null) {
        slowdown.delivered(took / expectedThere(planned, outcome), System.nanoTime());
      }
    }

    /** What was expected of the prefill node's compute, by what was learnt. */
    private double expectedThere(PlanDecision planned, DecodeOutcome outcome) {
      LearntPair of = Objects.requireNonNull(known);
      SplitPlan plan = planned.chosen();
      Correction learnt = of.corrections().of(of.there(), outcome.tokens().promptTokens());
      boolean whole = plan.boundaryLayer() == pair.model().layers();
      double modelled = plan.prediction().compute().prefillThere();
      return modelled * (whole ? learnt.prefill() : learnt.shared());
    }

    /**
     * What the prefill node's compute took, where that tells how fast it is; else 0. A node that
     * did not say what it holds may hold more than was counted: that makes it faster, not slower.
     */
    private double tellingSecondsThere(PlanDecision planned, DecodeOutcome outcome) {
      if (known == null || planned.chosen().isLocal()) {
        return 0;
      }
      double took = secondsThere(outcome);
      return knowsHeld || took > expectedThere(planned, outcome) ? took : 0;
    }

    private JournalEntry entry(
        PlanDecision decision,
        DecodeOutcome outcome,
        double ttftSeconds,
        @Nullable String unplanned) {
      SplitPlan plan = decision.chosen();
      Prediction prediction = plan.prediction();
      DecodeOutcome.Tokens tokens = outcome.tokens();
      DecodeOutcome.Times times = outcome.times();
      return new JournalEntry(
          Instant.now(),
          pair.modelName(),
          known == null ? null : known.profile().measuredAt(),
          route(plan, tokens),
          new JournalEntry.Tokens(
              tokens.promptTokens(), tokens.cachedTokens(), tokens.outputTokens(), ask.outputLimit),
          counted(decision),
          ask.caller,
          new JournalEntry.Times(
              new JournalEntry.Latency(
                  prediction.ttftSeconds(), decision.e2eSeconds(tokens.outputTokens())),
              new JournalEntry.Latency(ttftSeconds, ttftSeconds + times.decodeNs() / 1e9),
              new JournalEntry.Phases(
                  prediction.compute().prefillThere(),
                  prediction.compute().prefillHere(),
                  decision.shareOfDecode(tokens.outputTokens()) * prediction.compute().decode()),
              new JournalEntry.Phases(
                  tellingSecondsThere(decision, outcome),
                  (plan.isLocal() ? times.prefillNs() : times.sharedPrefillNs()) / 1e9,
                  decodeSeconds(outcome))),
          unplanned != null ? unplanned : outcome.fallback());
    }

    private JournalEntry.Counted counted(PlanDecision decision) {
      ClusterNode there = null;
      for (SplitPlan plan : decision.alternatives()) {
        there = there == null ? plan.prefillNode() : there;
      }
      ClusterNode here = decision.chosen().decodeNode();
      return there == null
          ? new JournalEntry.Counted(0, here.queueSeconds(), 0)
          : new JournalEntry.Counted(
              there.held().mostTokens(), here.queueSeconds(), there.queueSeconds());
    }

    private JournalEntry.Route route(SplitPlan plan, DecodeOutcome.Tokens tokens) {
      return new JournalEntry.Route(
          plan.isLocal() ? null : pair.there(),
          LearntPair.HERE,
          plan.boundaryLayer(),
          pair.model().layers(),
          Arrays.stream(plan.chunks().cut(tokens.promptTokens() - tokens.cachedTokens()))
              .boxed()
              .toList(),
          plan.isLocal() ? null : plan.wireType().name());
    }
  }

  /** Where the answer was over before the other node had told its times, they are 0. */
  private static double secondsThere(DecodeOutcome outcome) {
    TransferReport transfer = outcome.transfer();
    return transfer == null
        ? 0
        : Math.max(0, (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9);
  }

  /**
   * What all decode steps took, waiting for a prompt's KV aside; 0 where there were too few to
   * tell. The step behind a prompt that comes from elsewhere runs while its KV comes, so it is not
   * seen.
   */
  private static double decodeSeconds(DecodeOutcome outcome) {
    TransferReport transfer = outcome.transfer();
    long fromNs = outcome.timeline().firstTokenNs();
    int steps = outcome.tokens().outputTokens() - 1;
    int seen = steps;
    if (transfer != null) {
      fromNs = Math.max(fromNs, transfer.lastByteNs());
      seen--;
    }
    double seconds = (outcome.timeline().lastTokenNs() - fromNs) / 1e9;
    return seen < LEAST_STEPS ? 0 : Math.max(0, seconds) * steps / seen;
  }

  /** What to know of what is kept on the disk, a line each. */
  List<String> notices() {
    List<String> notices = new ArrayList<>(store.notices());
    notices.addAll(learning.notices());
    return notices;
  }

  /** True while it plans with what a few seconds gave. */
  boolean isCoarse() {
    LearntPair known = learnt;
    return known != null && known.profile().coarse();
  }

  /** The measuring that it plans with. */
  Measuring measuring() {
    return measuring;
  }

  /** Measures nothing any more; requests may still end. Twice is fine. */
  void stopMeasuring() {
    probe.close();
    measuring.close();
  }

  /** Writes what is still to be noted. Twice is fine. */
  @Override
  public void close() {
    stopMeasuring();
    learning.close();
  }
}
