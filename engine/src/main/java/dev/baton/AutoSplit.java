package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.PairProfile;
import dev.baton.calibrate.ProfileStore;
import dev.baton.cluster.NodeCompute;
import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeOutcome;
import dev.baton.journal.Corrections;
import dev.baton.journal.Journal;
import dev.baton.journal.JournalEntry;
import dev.baton.journal.JournalException;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.PrefillPeer;
import dev.baton.kvstream.TransferReport;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.Objective;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.Prediction;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Chooses where each request is cut, by what the two nodes and their link were measured to do, and
 * learns from what became of it.
 */
final class AutoSplit implements AutoCloseable {
  private static final String HERE = "this node";
  private static final String CHILD = "the prefill process";
  private static final int SHARED_TOKENS = 512;
  private static final long COARSE_REQUEST_NS = TimeUnit.MILLISECONDS.toNanos(800);

  private final PlannedModel model;
  private final String there;
  private final PairProfile profile;
  private final SplitPlanner planner;
  private final boolean lossyWire;
  private final Journal journal;
  private final Corrections corrections = new Corrections();

  /** Keeps the journal's disk away from the decode thread; one thread, so that order is kept. */
  private final ExecutorService writer = Executors.newSingleThreadExecutor(AutoSplit::daemon);

  private AutoSplit(BatonConfig config, NodeCompute compute, PairProfile profile, Journal journal) {
    this.model = planned(compute);
    this.there = config.prefill() == null ? CHILD : config.prefill();
    this.profile = profile;
    this.planner = new SplitPlanner(config.chunks().largestTokens());
    this.lossyWire = config.wireType() != KvWireType.F16;
    this.journal = journal;
    journal.replay(corrections::observe);
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
   * @throws dev.baton.journal.JournalException when the journal cannot be opened
   */
  static AutoSplit of(
      BatonConfig config,
      NodeCompute compute,
      DecodeLoop loop,
      PrefillPeer peer,
      Path home,
      DoubleConsumer progress)
      throws InterruptedException {
    int chunk = config.chunks().largestTokens();
    ProfileStore store = new ProfileStore(home.resolve("profiles"));
    ProfileStore.Key key =
        new ProfileStore.Key(
            compute.model().file().fingerprint(),
            compute.kernels().description() + ", chunks of " + chunk,
            config.prefill() == null ? CHILD : config.prefill(),
            peer.identity().backend(),
            Kernels.NUMERICS_VERSION);
    PairProfile profile = store.find(key).orElse(null);
    if (profile == null) {
      profile = measure(compute, loop, peer, chunk, progress);
      try {
        store.keep(key, profile);
      } catch (IOException e) {
        throw new UncheckedIOException(
            "what was measured cannot be kept: set BATON_HOME to a folder that can be written", e);
      }
    }
    return new AutoSplit(config, compute, profile, Journal.open(home.resolve("journal")));
  }

  private static PlannedModel planned(NodeCompute compute) {
    return new PlannedModel(
        compute.model().file().fingerprint(),
        compute.model().kvGeometry(),
        compute.model().config().dim());
  }

  private static PairProfile measure(
      NodeCompute compute, DecodeLoop loop, PrefillPeer peer, int chunk, DoubleConsumer progress)
      throws InterruptedException {
    Calibration calibration =
        new Calibration(loop, compute.model().config(), chunk, COARSE_REQUEST_NS, progress);
    SpeedProfile here = calibration.here();
    SpeedProfile there = calibration.there(peer, here);
    LinkSpeed link = calibration.link(peer);
    int tokens = Math.min(SHARED_TOKENS, compute.model().config().contextLength() - 1);
    PlannedModel model = planned(compute);
    RequestShape shape = new RequestShape(tokens, 0, 1, false);
    Cluster cluster = cluster(new PairProfile(here, there, link), CHILD, new Corrections());
    PlanDecision decision =
        new SplitPlanner(chunk).plan(model, shape, cluster, new Objective.Ttft());
    for (SplitPlan plan : decision.alternatives()) {
      if (!plan.isLocal() && plan.boundaryLayer() < model.layers()) {
        link = link.slowedBy(calibration.slowdown(peer, plan, tokens));
      }
    }
    return new PairProfile(here, there, link);
  }

  private static Cluster cluster(PairProfile profile, String there, Corrections corrections) {
    double prefillHere = corrections.factor(HERE, Corrections.Phase.PREFILL);
    double decodeHere = corrections.factor(HERE, Corrections.Phase.DECODE);
    double prefillThere = corrections.factor(there, Corrections.Phase.PREFILL);
    return new Cluster(
        List.of(
            new ClusterNode(HERE, profile.here(), false, true, 0, prefillHere, decodeHere, 0, 0, 0),
            new ClusterNode(there, profile.there(), true, false, 0, prefillThere, 1, 0, 0, 0)),
        Map.of(new Cluster.Way(there, HERE), profile.link()));
  }

  /** The plan for a request. */
  PlanDecision decide(int promptTokens, int outputTokens) {
    return planner.plan(
        model,
        new RequestShape(promptTokens, 0, outputTokens, lossyWire),
        cluster(profile, there, corrections),
        new Objective.E2e());
  }

  /**
   * Notes what became of a request, in a little while. Answers that did not come to their end say
   * nothing.
   *
   * @param plannedOutput the answer's length that was planned with
   * @param unplanned why the plan could not even be begun, or null
   */
  void ended(
      String modelName,
      SplitPlan plan,
      int plannedOutput,
      DecodeOutcome outcome,
      double ttftSeconds,
      @Nullable String unplanned) {
    if (outcome.outputTokens() == 0 || outcome.end() == DecodeOutcome.End.FAILED) {
      return;
    }
    JournalEntry entry = entry(modelName, plan, plannedOutput, outcome, ttftSeconds, unplanned);
    writer.execute(() -> note(entry));
  }

  private void note(JournalEntry entry) {
    corrections.observe(entry);
    try {
      journal.append(entry);
    } catch (JournalException e) {
      // The answer is there; only a restarted node will not know what was learnt from it.
      System.getLogger("dev.baton").log(System.Logger.Level.WARNING, e.getMessage());
    }
  }

  private JournalEntry entry(
      String modelName,
      SplitPlan plan,
      int plannedOutput,
      DecodeOutcome outcome,
      double ttftSeconds,
      @Nullable String unplanned) {
    Prediction prediction = plan.prediction();
    double decoded = outcome.decodeNs() / 1e9;
    double share = plannedOutput == 1 ? 0 : (outcome.outputTokens() - 1.0) / (plannedOutput - 1);
    double waiting = prediction.e2eSeconds() - prediction.ttftSeconds();
    TransferReport transfer = outcome.transfer();
    double there =
        transfer == null
            ? 0
            : Math.max(0, (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9);
    return new JournalEntry(
        Instant.now(),
        modelName,
        plan.isLocal() ? null : this.there,
        HERE,
        plan.boundaryLayer(),
        model.layers(),
        Arrays.stream(plan.chunks().cut(outcome.promptTokens())).boxed().toList(),
        plan.isLocal() ? null : plan.wireType().name(),
        outcome.promptTokens(),
        0,
        outcome.outputTokens(),
        new JournalEntry.Latency(
            prediction.ttftSeconds(), prediction.ttftSeconds() + share * waiting),
        new JournalEntry.Latency(ttftSeconds, ttftSeconds + decoded),
        new JournalEntry.Phases(
            prediction.compute().prefillThere(),
            plan.isLocal() ? prediction.compute().prefillHere() : 0,
            share * prediction.compute().decode()),
        new JournalEntry.Phases(there, plan.isLocal() ? outcome.prefillNs() / 1e9 : 0, decoded),
        unplanned != null ? unplanned : outcome.fallback());
  }

  /** Writes what is still to be noted. Twice is fine. */
  @Override
  public void close() {
    writer.close();
    journal.close();
  }
}
