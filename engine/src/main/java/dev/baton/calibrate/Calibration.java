package dev.baton.calibrate;

import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.RemotePrefill;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.TransferReport;
import dev.baton.model.ModelConfig;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SpeedProfile.ChunkPoint;
import dev.baton.plan.SplitPlan;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.DoubleConsumer;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Measures nodes and a link for one model, in the time it is given. Each figure is the median of a
 * few requests, more of them where they disagree; how much they still disagree is the profile's
 * error. Nothing else should run meanwhile. One thread.
 */
public final class Calibration {
  private static final int[] CHUNK_TOKENS = {16, 32, 64, 128, 256, 512};
  private static final int DEEP_TOKENS = 1024;
  private static final int SHORT_CONTEXT = 16;
  private static final int BATCH = 4;
  private static final int STEPS = 24;
  private static final int MIN_RUNS = 2;
  private static final int MAX_RUNS = 5;

  /** Runs that agree so well need no further one. */
  private static final double AGREEMENT = 0.03;

  /** No model of a machine is better than that. */
  private static final double LEAST_ERROR = 0.02;

  private final Trial trial;
  private final ModelConfig model;
  private final int largestChunkTokens;
  private final long budgetNs;
  private final DoubleConsumer progress;
  private double done;

  /**
   * @param loop the loop that serves this node's requests
   * @param model its model
   * @param largestChunkTokens the loop's largest chunk
   * @param budgetNs about how long a single request may take; shorter prompts are measured on a
   *     slow node
   * @param progress told a growing number, 1 when all that was asked for last is done
   */
  public Calibration(
      DecodeLoop loop,
      ModelConfig model,
      int largestChunkTokens,
      long budgetNs,
      DoubleConsumer progress) {
    this.trial = new Trial(loop, model.vocab());
    this.model = model;
    this.largestChunkTokens = largestChunkTokens;
    this.budgetNs = budgetNs;
    this.progress = progress;
  }

  /** What repeated runs say. */
  private record Sample(double median, double spread) {}

  /** Where a prefill is measured: here, or at another node. */
  private record Place(@Nullable PrefillTarget target, ToDoubleFunction<DecodeOutcome> seconds) {}

  /** This node's profile. */
  public SpeedProfile here() throws InterruptedException {
    Place here = new Place(null, outcome -> outcome.prefillNs() / 1e9);
    Prefill prefill = prefill(here);
    int longContext = prefill.deepTokens;
    Sample output =
        measuredAt(here.target, SHORT_CONTEXT, 1, o -> (o.ttftNs() - o.prefillNs()) / 1e9);
    Sample shortStep = measuredAt(null, SHORT_CONTEXT, STEPS, Calibration::stepSeconds);
    Sample longStep = measuredAt(null, longContext, STEPS, Calibration::stepSeconds);
    double batchStep = batchStepSeconds();
    double context =
        Math.max(0, (longStep.median - shortStep.median) / (longContext - SHORT_CONTEXT));
    double one = Math.max(0, shortStep.median - context * (SHORT_CONTEXT + STEPS / 2.0));
    double more = Math.clamp((batchStep - shortStep.median) / (BATCH - 1), 0, one);
    report(1);
    return new SpeedProfile(
        "measured",
        prefill.points,
        prefill.attention,
        Math.max(0, output.median),
        one - more,
        more,
        context,
        prefill.error,
        error(shortStep, longStep));
  }

  /**
   * A prefill node's profile, as far as its prefill goes; its decoding is unknown and taken to be
   * this node's.
   */
  public SpeedProfile there(PrefillTarget target, SpeedProfile here) throws InterruptedException {
    Prefill prefill = prefill(new Place(target, Calibration::computeSeconds));
    report(1);
    return new SpeedProfile(
        "measured",
        prefill.points,
        prefill.attention,
        here.outputSeconds(),
        here.stepSeconds(),
        here.sequenceSeconds(),
        here.contextSeconds(),
        prefill.error,
        here.decodeError());
  }

  /**
   * The link from a prefill node to this one. A link that is faster than the node fills it shows
   * only in how long the last layer's slices take, so the larger of two figures is taken, neither
   * of which can be too large.
   */
  public LinkSpeed link(PrefillTarget target) throws InterruptedException {
    int context = model.contextLength() - 1;
    int chunk = Math.min(context, largestChunkTokens);
    Sample order = measuredAt(target, SHORT_CONTEXT, 1, Calibration::orderSeconds);
    Sample shortTail = measuredAt(target, SHORT_CONTEXT, 1, Calibration::tailSeconds);
    Sample longTail = measuredAt(target, chunk, 1, Calibration::tailSeconds);
    Sample whole = measuredAt(target, Math.min(context, 4 * chunk), 1, Calibration::bytesPerSecond);
    double tailBytes =
        (double) (chunk - SHORT_CONTEXT) * 2 * model.kvHeads() * model.headDim() * Short.BYTES;
    double tail = longTail.median - shortTail.median;
    double ofTail = tail > 0 ? tailBytes / tail : 0;
    double rate = Math.max(ofTail, whole.median);
    report(1);
    return new LinkSpeed(
        Math.max(0, order.median), Math.max(0, shortTail.median), rate, rate, 1, error(whole));
  }

  /**
   * How many times longer a prompt takes that both nodes share than was predicted for two nodes
   * that do not disturb each other; at least 1.
   *
   * @param plan such a plan for a prompt of {@code promptTokens} tokens
   */
  public double slowdown(PrefillTarget target, SplitPlan plan, int promptTokens)
      throws InterruptedException {
    RemotePrefill remote =
        new RemotePrefill(target, plan.boundaryLayer(), plan.chunks(), plan.wireType(), true);
    Sample observed = measured(promptTokens, 1, remote, outcome -> outcome.ttftNs() / 1e9);
    report(1);
    return Math.max(1, observed.median / plan.prediction().ttftSeconds());
  }

  /** What was found of a node's prefill. */
  private record Prefill(List<ChunkPoint> points, double attention, int deepTokens, double error) {}

  private Prefill prefill(Place place) throws InterruptedException {
    int context = model.contextLength() - STEPS - 1;
    measuredAt(place.target, Math.min(SHORT_CONTEXT, context), 1, place.seconds); // warm
    List<Integer> sizes = new ArrayList<>();
    List<Sample> samples = new ArrayList<>();
    double last = 0;
    for (int tokens : CHUNK_TOKENS) {
      boolean fits = tokens <= largestChunkTokens && tokens < context;
      if (fits && 2 * last * 1e9 < budgetNs) {
        Sample sample = measuredAt(place.target, tokens, 1, place.seconds);
        sizes.add(tokens);
        samples.add(sample);
        last = sample.median;
      }
    }
    int largest = sizes.getLast();
    double perToken = last / largest;
    int affordable = (int) Math.min(DEEP_TOKENS, budgetNs / 1e9 / perToken);
    int deep = Math.clamp(affordable, Math.min(2 * largest, context), context);
    Sample deepSample = measuredAt(place.target, deep, 1, place.seconds);
    samples.add(deepSample);
    double attention = attention(sizes, samples, deep, deepSample.median);
    List<ChunkPoint> points = new ArrayList<>();
    double previous = 0;
    for (int i = 0; i < sizes.size(); i++) {
      int tokens = sizes.get(i);
      double layer = samples.get(i).median / model.layers() - attention * tokens * (tokens / 2.0);
      previous = Math.max(previous, layer);
      points.add(new ChunkPoint(tokens, previous));
    }
    return new Prefill(points, attention, deep, error(samples.toArray(new Sample[0])));
  }

  /**
   * Seconds of one query over one key in one layer: what a deep prompt takes beyond as many chunks
   * without depth.
   */
  private double attention(
      List<Integer> sizes, List<Sample> samples, int deep, double deepSeconds) {
    int chunk = sizes.getLast();
    double flat = samples.get(sizes.size() - 1).median;
    double pairsOfChunk = chunk * (chunk / 2.0);
    double pairsOfDeep = deep * (deep / 2.0);
    double chunks = (double) deep / chunk;
    double beyond = deepSeconds - chunks * flat;
    double pairs = pairsOfDeep - chunks * pairsOfChunk;
    return pairs <= 0 ? 0 : Math.max(0, beyond / pairs / model.layers());
  }

  private double batchStepSeconds() throws InterruptedException {
    List<CompletableFuture<DecodeOutcome>> started = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      started.add(trial.start(SHORT_CONTEXT, STEPS, null));
    }
    double longest = 0;
    for (CompletableFuture<DecodeOutcome> one : started) {
      longest = Math.max(longest, stepSeconds(Trial.end(one)));
    }
    return longest;
  }

  /** Measures with the whole prefill at the target, or all here where that is null. */
  private Sample measuredAt(
      @Nullable PrefillTarget target,
      int promptTokens,
      int outputTokens,
      ToDoubleFunction<DecodeOutcome> value)
      throws InterruptedException {
    RemotePrefill remote =
        target == null
            ? null
            : new RemotePrefill(
                target,
                model.layers(),
                ChunkSchedule.equal(largestChunkTokens),
                KvWireType.F16,
                true);
    return measured(promptTokens, outputTokens, remote, value);
  }

  private Sample measured(
      int promptTokens,
      int outputTokens,
      @Nullable RemotePrefill remote,
      ToDoubleFunction<DecodeOutcome> value)
      throws InterruptedException {
    double[] values = new double[0];
    Sample sample = new Sample(0, Double.MAX_VALUE);
    while (values.length < MIN_RUNS || (values.length < MAX_RUNS && sample.spread > AGREEMENT)) {
      values = Arrays.copyOf(values, values.length + 1);
      values[values.length - 1] =
          value.applyAsDouble(trial.run(promptTokens, outputTokens, remote));
      sample = sample(values);
      report(done + (1 - done) / 40);
    }
    return sample;
  }

  /** The median, and how far the runs nearest to it are from it. */
  private static Sample sample(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    double[] off = new double[n];
    for (int i = 0; i < n; i++) {
      off[i] = Math.abs(sorted[i] - median);
    }
    Arrays.sort(off);
    return new Sample(median, median == 0 ? 0 : off[n / 2] / Math.abs(median));
  }

  private static double error(Sample... samples) {
    double sum = 0;
    for (Sample sample : samples) {
      sum += sample.spread * sample.spread;
    }
    return Math.max(LEAST_ERROR, Math.sqrt(sum / samples.length));
  }

  private static double stepSeconds(DecodeOutcome outcome) {
    return outcome.decodeNs() / 1e9 / (outcome.outputTokens() - 1);
  }

  private static TransferReport transfer(DecodeOutcome outcome) {
    return Objects.requireNonNull(outcome.transfer());
  }

  private static double computeSeconds(DecodeOutcome outcome) {
    TransferReport transfer = transfer(outcome);
    return (transfer.computeEndNs() - transfer.computeStartNs()) / 1e9;
  }

  private static double orderSeconds(DecodeOutcome outcome) {
    TransferReport transfer = transfer(outcome);
    return (transfer.computeStartNs() - transfer.orderedNs()) / 1e9;
  }

  private static double tailSeconds(DecodeOutcome outcome) {
    TransferReport transfer = transfer(outcome);
    return (transfer.lastByteNs() - transfer.computeEndNs()) / 1e9;
  }

  private static double bytesPerSecond(DecodeOutcome outcome) {
    TransferReport transfer = transfer(outcome);
    long ns = Math.max(1, transfer.lastByteNs() - transfer.firstByteNs());
    return (transfer.kvBytes() + transfer.hiddenBytes()) / (ns / 1e9);
  }

  private void report(double share) {
    done = share;
    progress.accept(share);
  }
}
