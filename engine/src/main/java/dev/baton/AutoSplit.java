package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.CalibrationException;
import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.calibrate.Trial;
import dev.baton.cluster.KvDemand;
import dev.baton.cluster.NodeCompute;
import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeOutcome;
import dev.baton.journal.Corrections;
import dev.baton.journal.Journal;
import dev.baton.journal.JournalEntry;
import dev.baton.journal.JournalException;
import dev.baton.journal.OutputLengths;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillPeer;
import dev.baton.kvstream.TransferReport;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.Prediction;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Chooses where each request is cut, by what the two nodes and their link were measured to do, and
 * learns from what became of it. What was measured in a few seconds at first is measured better
 * when the node has been idle for a while.
 */
final class AutoSplit implements AutoCloseable {
  private static final String HERE = "this node";
  private static final String CHILD = "the prefill process";

  /** A process that has just begun takes longer than it was measured to, unless it is warmed up. */
  private static final double WARM_UP_SECONDS = 0.7;

  /** Fewer decode steps say nothing of a node's speed. */
  private static final int LEAST_STEPS = 8;

  /** Whom all of it is about, and how they are measured. */
  private final Pair pair;

  private final ProfileStore store;
  private final SplitPlanner planner;
  private final Journal journal;
  private final Trial trial;
  private final OutputLengths lengths;
  private volatile Learnt learnt;

  /** Why the journal could not be read, or null. */
  private @Nullable String unread;

  /** Keeps the journal's disk away from the decode thread; one thread, so that order is kept. */
  private final ExecutorService writer = Executors.newSingleThreadExecutor(AutoSplit::daemon);

  private final @Nullable Thread refiner;

  /** A measurement, and what requests have shown of it since. */
  private record Learnt(PairProfile profile, Corrections corrections) {}

  /** Two nodes and a model. */
  record Pair(
      BatonConfig config,
      NodeCompute compute,
      String modelName,
      PrefillPeer peer,
      DecodeLoop loop) {
    String there() {
      String named = config.prefill();
      return named == null ? CHILD : named;
    }

    int largestChunkTokens() {
      return config.chunks().largestTokens();
    }

    PlannedModel model() {
      return AutoSplit.model(compute);
    }

    ProfileStore.Key key() {
      return new ProfileStore.Key(
          compute.model().file().fingerprint(),
          compute.description() + ", chunks of " + largestChunkTokens(),
          there(),
          peer.identity().backend(),
          Kernels.NUMERICS_VERSION);
    }

    Calibration calibration(Trial trial, Calibration.Effort effort, DoubleConsumer progress) {
      int contextTokens = Math.min(compute.contextTokens(), peer.longestPrompt());
      return new Calibration(trial, model(), contextTokens, largestChunkTokens(), effort, progress);
    }

    Trial trial() {
      return AutoSplit.trial(compute, loop);
    }

    void warmUp() throws InterruptedException {
      try {
        trial().warmUp(peer, model().layers(), largestChunkTokens(), WARM_UP_SECONDS);
      } catch (CalibrationException _) {
        // The first caller's request meets the same trouble, and says so.
      }
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

  static Trial trial(NodeCompute compute, DecodeLoop loop) {
    return new Trial(loop, compute.model().config().vocab());
  }

  private static PlannedModel model(NodeCompute compute) {
    return new PlannedModel(
        compute.model().file().fingerprint(),
        compute.model().kvGeometry(),
        compute.model().config().dim());
  }

  private AutoSplit(Pair pair, PairProfile profile, ProfileStore store, Journal journal) {
    this.pair = pair;
    this.store = store;
    this.planner = new SplitPlanner(pair.largestChunkTokens());
    this.journal = journal;
    this.trial = pair.trial();
    this.lengths = new OutputLengths(pair.modelName());
    this.learnt = learntOf(profile);
    this.refiner = profile.coarse() ? refiner() : null;
    if (refiner != null) {
      refiner.start();
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "baton-journal");
    thread.setDaemon(true);
    return thread;
  }

  /**
   * With what was measured before, or else is measured now, which takes some seconds.
   *
   * @param home where profiles and the journal are kept
   * @throws dev.baton.calibrate.CalibrationException when it cannot be measured
   */
  static AutoSplit of(Pair pair, Path home, DoubleConsumer progress) throws InterruptedException {
    ProfileStore store = store(home);
    PairProfile profile = store.find(pair.key()).orElse(null);
    if (profile == null) {
      profile = pair.calibration(pair.trial(), Calibration.Effort.COARSE, progress).pair(pair.peer());
      store.keepOrNote(pair.key(), profile);
    } else {
      pair.warmUp();
    }
    return new AutoSplit(pair, profile, store, Journal.openOrNone(home.resolve("journal")));
  }

  /** Measures both nodes and their link, whatever is known of them, and keeps that. */
  static PairProfile measure(
      Pair pair, Path home, Calibration.Effort effort, DoubleConsumer progress)
      throws InterruptedException {
    ProfileStore store = store(home);
    store.requireRoom();
    PairProfile profile = pair.calibration(pair.trial(), effort, progress).pair(pair.peer());
    store.keep(pair.key(), profile);
    return profile;
  }

  private static ProfileStore store(Path home) {
    return new ProfileStore(home.resolve("profiles"));
  }

  private Learnt learntOf(PairProfile profile) {
    Corrections corrections = new Corrections();
    try {
      journal.replay(entry -> {
        lengths.observe(entry);
        if (profile.measuredAt().equals(entry.profile())) {
          corrections.observe(entry);
        }
      });
    } catch (JournalException e) {
      unread = e.getMessage();
    }
    return new Learnt(profile, corrections);
  }

  private Thread refiner() {
    return Thread.ofPlatform()
        .daemon()
        .name("baton-calibration")
        .unstarted(() -> {
          // As if a caller had just been here: the first one is likely to come soon.
          trial.callerBegins();
          trial.callerEnds();
          try {
            PairProfile better =
                pair.calibration(trial, Calibration.Effort.FULL, done -> {}).pair(pair.peer());
            learnt = new Learnt(better, new Corrections());
            store.keepOrNote(pair.key(), better);
          } catch (InterruptedException _) {
            // The engine is closed.
          } catch (CalibrationException | IllegalStateException e) {
            // The coarse figures stay; they are measured again in the next process.
            System.getLogger("dev.baton").log(System.Logger.Level.WARNING, e.getMessage());
          }
        });
  }

  private static Cluster cluster(
      PairProfile profile, String there, Corrections corrections, int promptTokens) {
    Correction ofHere = corrections.of(HERE, promptTokens);
    Correction ofThere = corrections.of(there, promptTokens);
    return new Cluster(
        List.of(
            new ClusterNode(HERE, profile.here(), false, true, 0, ofHere, 0, 0, 0),
            new ClusterNode(there, profile.there(), true, false, 0, ofThere, 0, 0, 0)),
        Map.of(new Cluster.Way(there, HERE), profile.link()));
  }

  /**
   * What a request asks for.
   *
   * @param outputLimit most tokens of the answer
   * @param exactly whether it will have all of them
   * @param caller who asks, or null
   * @param split automatic, or what the caller asked for, which is then the plan
   */
  record Ask(
      int promptTokens, int outputLimit, boolean exactly, @Nullable String caller, Split split) {}

  /** Plans a request. {@link Planned#ended} or {@link Planned#abandoned} has to follow. */
  Planned plan(Ask ask) {
    trial.callerBegins();
    Learnt known = learnt;
    int outputTokens =
        ask.exactly ? ask.outputLimit : lengths.expected(ask.caller, ask.outputLimit);
    boolean lossyWire = pair.config().wireType() != KvWireType.F16;
    RequestShape shape = new RequestShape(ask.promptTokens, 0, outputTokens, lossyWire);
    Cluster cluster = cluster(known.profile, pair.there(), known.corrections, ask.promptTokens);
    PlanDecision free = planner.plan(pair.model(), shape, cluster, pair.config().objective());
    PlanDecision decision =
        fidelity(
            ask.split instanceof Split.Auto
                ? fitting(shape, cluster, free)
                : asked(shape, cluster, ask.split, free));
    return new Planned(known, decision, ask);
  }

  /** A prompt that is too long for the other node stays here. */
  private PlanDecision fitting(RequestShape shape, Cluster cluster, PlanDecision free) {
    if (free.chosen().isLocal() || shape.promptTokens() <= pair.peer().longestPrompt()) {
      return free;
    }
    PlanDecision local = asked(shape, cluster, new Split.Local(), free);
    return new PlanDecision(
        local.shape(),
        local.chosen(),
        local.alternatives(),
        tooLong(shape.promptTokens(), pair.peer()));
  }

  /** Why a prompt is not prefilled there. */
  static String tooLong(int promptTokens, PrefillPeer peer) {
    return "a prompt of "
        + promptTokens
        + " tokens is longer than the prefill node's context of "
        + peer.longestPrompt()
        + ": start it with a larger "
        + KvDemand.CONTEXT_OPTION;
  }

  /** Says where unlike backends share a request: there the same bits are promised by nobody. */
  private PlanDecision fidelity(PlanDecision decision) {
    return decision.chosen().isLocal() || pair.compute().isExactWith(pair.peer())
        ? decision
        : new PlanDecision(
            decision.shape(),
            decision.chosen(),
            decision.alternatives(),
            decision.reason() + "; numbers agree within tolerance");
  }

  private PlanDecision asked(RequestShape shape, Cluster cluster, Split split, PlanDecision free) {
    BatonConfig config = pair.config();
    PlannedModel model = pair.model();
    int boundary = split.boundaryLayer(model.layers());
    SplitPlan asked =
        boundary == 0
            ? planner.predict(
                model, shape, cluster, -1, 0, 0, equal(config.chunks()), KvWireType.F16)
            : planner.predict(
                model, shape, cluster, 1, 0, boundary, config.chunks(), config.wireType());
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
    private final Learnt known;
    private final PlanDecision decision;
    private final Ask ask;

    private Planned(Learnt known, PlanDecision decision, Ask ask) {
      this.known = known;
      this.decision = decision;
      this.ask = ask;
    }

    PlanDecision decision() {
      return decision;
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
      if (outcome.outputTokens() == 0 || outcome.end() == DecodeOutcome.End.FAILED) {
        return;
      }
      JournalEntry entry = entry(outcome, ttftSeconds, unplanned);
      writer.execute(() -> note(known.corrections, entry));
    }

    private JournalEntry entry(
        DecodeOutcome outcome, double ttftSeconds, @Nullable String unplanned) {
      SplitPlan plan = decision.chosen();
      Prediction prediction = plan.prediction();
      TransferReport transfer = outcome.transfer();
      // Where the answer was over before the other node had told its times, they are 0.
      double there =
          transfer == null
              ? 0
              : Math.max(0, (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9);
      return new JournalEntry(
          Instant.now(),
          pair.modelName(),
          known.profile.measuredAt(),
          plan.isLocal() ? null : pair.there(),
          HERE,
          plan.boundaryLayer(),
          pair.model().layers(),
          Arrays.stream(plan.chunks().cut(outcome.promptTokens())).boxed().toList(),
          plan.isLocal() ? null : plan.wireType().name(),
          outcome.promptTokens(),
          0,
          outcome.outputTokens(),
          ask.outputLimit,
          ask.caller,
          new JournalEntry.Latency(
              prediction.ttftSeconds(), decision.e2eSeconds(outcome.outputTokens())),
          new JournalEntry.Latency(ttftSeconds, ttftSeconds + outcome.decodeNs() / 1e9),
          new JournalEntry.Phases(
              prediction.compute().prefillThere(),
              prediction.compute().prefillHere(),
              decision.shareOfDecode(outcome.outputTokens()) * prediction.compute().decode()),
          new JournalEntry.Phases(
              there,
              (plan.isLocal() ? outcome.prefillNs() : outcome.sharedPrefillNs()) / 1e9,
              decodeSeconds(outcome)),
          unplanned != null ? unplanned : outcome.fallback());
    }
  }

  /**
   * What all decode steps took, waiting for a prompt's KV aside; 0 where there were too few to
   * tell. The step behind a prompt that comes from elsewhere runs while its KV comes, so it is not
   * seen.
   */
  private static double decodeSeconds(DecodeOutcome outcome) {
    TransferReport transfer = outcome.transfer();
    long fromNs = outcome.timeline().firstTokenNs();
    int steps = outcome.outputTokens() - 1;
    int seen = steps;
    if (transfer != null) {
      fromNs = Math.max(fromNs, transfer.lastByteNs());
      seen--;
    }
    double seconds = (outcome.timeline().lastTokenNs() - fromNs) / 1e9;
    return seen < LEAST_STEPS ? 0 : Math.max(0, seconds) * steps / seen;
  }

  private void note(Corrections corrections, JournalEntry entry) {
    corrections.observe(entry);
    lengths.observe(entry);
    try {
      journal.append(entry);
    } catch (JournalException e) {
      // The answer is there; only a restarted node will not know what was learnt from it.
      System.getLogger("dev.baton").log(System.Logger.Level.WARNING, e.getMessage());
    }
  }

  /** What to know of what is kept on the disk, a line each. */
  List<String> notices() {
    List<String> notices = new ArrayList<>(store.notices());
    notices.addAll(journal.notices());
    if (unread != null) {
      notices.add(unread);
    }
    return notices;
  }

  /** True as long as it plans with what a few seconds gave. */
  boolean isCoarse() {
    return learnt.profile.coarse();
  }

  /** Measures nothing any more; requests may still end. Twice is fine. */
  void stopMeasuring() {
    if (refiner != null) {
      refiner.interrupt();
    }
  }

  /** Writes what is still to be noted. Twice is fine. */
  @Override
  public void close() {
    stopMeasuring();
    writer.close();
    journal.close();
  }
}
