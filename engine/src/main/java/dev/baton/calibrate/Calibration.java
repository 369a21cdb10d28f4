package dev.baton.calibrate;

import dev.baton.decode.RemotePrefill;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.plan.Cluster;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.Objective;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.RequestShape;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.plan.SplitPlanner;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Measures nodes and a link for one model, in about the time it is given, by requests through the
 * loop that serves all requests. After some to warm up, short prompts say how long longer ones will
 * take; then all that do not agree with themselves yet are run again in turns, so that whatever
 * disturbs the machine for a while disturbs all figures alike. A figure is the median; how far off
 * that is by how much its runs disagree is the profile's error. Once, on one thread.
 */
public final class Calibration {
  /** How much time is taken. */
  public enum Effort {
    /** Figures to begin with: a run or two each, of short prompts. */
    COARSE(4),
    /** Figures to keep. */
    FULL(45);

    private final double seconds;

    Effort(double seconds) {
      this.seconds = seconds;
    }
  }

  /** One request may take such a part of the whole time. */
  private static final double SHARE_OF_A_REQUEST = 1.0 / 12;

  /** For each node, before anything is measured. */
  private static final double SHARE_OF_WARMING_UP = 1.0 / 24;

  /** Requests that take less of the longest one's time are run again in every turn. */
  private static final double SHORT_SHARE = 0.3;

  /** Behind it comes what both nodes share. */
  private static final double SHARE_OF_EACH_ALONE = 0.85;

  /** The prompt that both nodes share may take no more of it. */
  private static final double SHARE_OF_A_SHARED_PROMPT = 0.5;

  private final Trial trial;
  private final PlannedModel model;
  private final int contextTokens;
  private final int largestChunkTokens;
  private final Effort effort;
  private final DoubleConsumer progress;
  private final long startNs = System.nanoTime();

  /**
   * @param trial runs the requests
   * @param model the model that is served
   * @param contextTokens its longest prompt and answer
   * @param largestChunkTokens the loop's largest chunk
   * @param effort how long it may take
   * @param progress told a growing number up to 1, on the calling thread
   */
  public Calibration(
      Trial trial,
      PlannedModel model,
      int contextTokens,
      int largestChunkTokens,
      Effort effort,
      DoubleConsumer progress) {
    this.trial = trial;
    this.model = model;
    this.contextTokens = contextTokens;
    this.largestChunkTokens = largestChunkTokens;
    this.effort = effort;
    this.progress = progress;
  }

  /**
   * This node's profile.
   *
   * @throws CalibrationException when a request fails
   */
  public SpeedProfile here() throws InterruptedException {
    NodeProbes here = probes(null);
    runOnce(here, effort.seconds * SHARE_OF_A_REQUEST);
    repeat(here.all(), effort.seconds * SHARE_OF_A_REQUEST);
    progress.accept(1);
    return here.profile();
  }

  /** Told what is known before all is measured. */
  public interface Found {
    /** This node's part is known. */
    default void here(SpeedProfile here) {}

    /** All of it is known, from one run of each request. */
    default void pair(PairProfile profile) {}
  }

  /**
   * Both nodes' profiles, and the link's, once all of it is measured.
   *
   * @throws CalibrationException when a request fails, or the other node does not do its part
   */
  public PairProfile pair(PrefillTarget target) throws InterruptedException {
    return pair(target, null, new Found() {});
  }

  /**
   * Both nodes' profiles, and the link's.
   *
   * @param known this node's, where it need not be measured again; else null
   * @param found told on the calling thread
   * @throws CalibrationException when a request fails, or the other node does not do its part
   */
  public PairProfile pair(PrefillTarget target, @Nullable SpeedProfile known, Found found)
      throws InterruptedException {
    NodeProbes here = probes(null);
    NodeProbes there = probes(target);
    double requestSeconds = effort.seconds * SHARE_OF_A_REQUEST / 2;
    if (known == null) {
      runOnce(here, requestSeconds);
      found.here(here.profile());
    }
    SpeedProfile speed = known == null ? here.profile() : known;
    runOnce(there.beside(speed), requestSeconds);
    found.pair(profile(speed, there, 1));
    List<Probe> all = new ArrayList<>(there.all());
    if (known == null) {
      all.addAll(here.all());
    }
    repeat(all, requestSeconds);
    SpeedProfile hereSpeed = known == null ? here.profile() : known;
    SpeedProfile thereSpeed = there.profile(hereSpeed);
    LinkSpeed link = there.link();
    double slowdown = slowdown(target, hereSpeed, thereSpeed, link, there.deepestTokens());
    progress.accept(1);
    return profile(hereSpeed, there, slowdown);
  }

  private PairProfile profile(SpeedProfile here, NodeProbes there, double slowdown) {
    return new PairProfile(
        Instant.now(),
        effort == Effort.COARSE,
        here,
        there.profile(here),
        there.link().slowedBy(slowdown),
        there.bytesPerSecondOfSeveral());
  }

  private NodeProbes probes(@Nullable PrefillTarget target) {
    boolean coarse = effort == Effort.COARSE;
    return new NodeProbes(trial, model, contextTokens, largestChunkTokens, target, coarse);
  }

  private double elapsed() {
    return (System.nanoTime() - startNs) / 1e9;
  }

  private void report() {
    progress.accept(Math.min(1, elapsed() / effort.seconds));
  }

  private void runOnce(NodeProbes probes, double requestSeconds) throws InterruptedException {
    probes.runOnce(requestSeconds, effort.seconds * SHARE_OF_WARMING_UP, this::report);
  }

  /**
   * A turn is all short requests and one long one: long ones alone would take all the time, and
   * short ones, run in one go, would all meet the same disturbance.
   */
  private void repeat(List<Probe> probes, double requestSeconds) throws InterruptedException {
    List<Probe> shortOnes = new ArrayList<>();
    Deque<Probe> longOnes = new ArrayDeque<>();
    for (Probe probe : probes) {
      (probe.tookSeconds() < SHORT_SHARE * requestSeconds ? shortOnes : longOnes).add(probe);
    }
    boolean more = true;
    while (more) {
      more = false;
      for (Probe probe : shortOnes) {
        more |= runIfWorthwhile(probe);
      }
      boolean ran = false;
      for (int i = 0; i < longOnes.size() && !ran; i++) {
        Probe probe = longOnes.removeFirst();
        longOnes.addLast(probe);
        ran = runIfWorthwhile(probe);
      }
      more |= ran;
    }
  }

  private boolean runIfWorthwhile(Probe probe) throws InterruptedException {
    double until = effort.seconds * SHARE_OF_EACH_ALONE;
    if (probe.isSettled() || elapsed() + probe.tookSeconds() >= until) {
      return false;
    }
    probe.run();
    report();
    return true;
  }

  /**
   * How many times longer nodes compute while they share a prompt than while one has it all: what
   * the stream takes of their cores, and what they share beside; at least 1.
   */
  private double slowdown(
      PrefillTarget target, SpeedProfile here, SpeedProfile there, LinkSpeed link, int tokens)
      throws InterruptedException {
    Cluster cluster =
        new Cluster(
            List.of(
                new ClusterNode("here", here, false, true, 0, Correction.NONE, 0, 0, 0),
                new ClusterNode("there", there, true, false, 0, Correction.NONE, 0, 0, 0)),
            Map.of(new Cluster.Way("there", "here"), link));
    RequestShape shape = new RequestShape(tokens, 0, 1, false);
    SplitPlan plan =
        new SplitPlanner(largestChunkTokens, target.limits().chunkTokens())
            .plan(model, shape, cluster, new Objective.Ttft()).alternatives().stream()
                .filter(one -> !one.isLocal() && one.boundaryLayer() < model.layers())
                .findFirst()
                .orElse(null);
    if (plan == null) {
      return 1;
    }
    RemotePrefill shared =
        new RemotePrefill(target, plan.boundaryLayer(), plan.chunks(), plan.wireType(), true);
    if (plan.prediction().e2eSeconds() > effort.seconds * SHARE_OF_A_SHARED_PROMPT) {
      return 1; // nobody would choose to share over such a link
    }
    Probe probe = new Probe(trial, tokens, 1, 1, shared, null).within(effort.seconds);
    do {
      probe.run();
      report();
    } while (!probe.isSettled() && elapsed() + probe.tookSeconds() < effort.seconds);
    return Math.max(1, probe.compute().median() / plan.prediction().compute().prefillThere());
  }
}
