package dev.baton.calibrate;

import dev.baton.decode.RemotePrefill;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SpeedProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * All that one node is asked: prompts of one chunk of several sizes and of many chunks and, where
 * it is this node, decode steps behind a short and a long context, alone and four together.
 */
final class NodeProbes {
  private static final int[] CHUNK_TOKENS = {16, 32, 64, 128, 256, 512};
  private static final int[] COARSE_CHUNK_TOKENS = {16, 64, 128};
  private static final int DEEPEST_TOKENS = 4096;

  /** The longest prompt may take so many times as long as others: it says most of long ones. */
  private static final int DEEPEST_TIMES = 3;

  private static final int LEAST_CHUNKS = 4;
  private static final int BATCH = 4;
  private static final int STREAMS = 4;
  private static final int LINK_TOKENS = 1024;
  private static final int LEAST_STEPS = 6;
  private static final int MOST_STEPS = 48;
  private static final int WARM_UP_RUNS = 8;

  /** No model of a machine is better than that. */
  private static final double LEAST_ERROR = 0.02;

  private final Trial trial;
  private final PlannedModel model;
  private final int room;
  private final int largestChunkTokens;
  private final @Nullable PrefillTarget target;
  private final boolean coarse;
  private final List<Probe> chunks = new ArrayList<>();
  private final List<Probe> deep = new ArrayList<>();
  private final List<Probe> steps = new ArrayList<>();
  private @Nullable Probe together;
  private final List<Probe> links = new ArrayList<>();

  /**
   * @param contextTokens the model's longest prompt and answer
   * @param target the node, or null for this one
   * @param coarse with fewer kinds of requests
   */
  NodeProbes(
      Trial trial,
      PlannedModel model,
      int contextTokens,
      int largestChunkTokens,
      @Nullable PrefillTarget target,
      boolean coarse) {
    this.trial = trial;
    this.model = model;
    this.room = contextTokens - MOST_STEPS;
    this.largestChunkTokens = largestChunkTokens;
    this.target = target;
    this.coarse = coarse;
  }

  /** Runs each request once: as long ones as take about so long. */
  void runOnce(double requestSeconds, Runnable ran) throws InterruptedException {
    int shortest = Math.clamp(room, 1, CHUNK_TOKENS[0]);
    Probe warm = probe(shortest, LEAST_STEPS, 1);
    for (int i = 0; i < WARM_UP_RUNS; i++) {
      run(warm, ran);
    }
    double last = 0;
    for (int tokens : coarse ? COARSE_CHUNK_TOKENS : CHUNK_TOKENS) {
      boolean fits = tokens <= largestChunkTokens && tokens <= room;
      if (chunks.isEmpty() || (fits && 2 * last < requestSeconds)) {
        Probe probe = probe(Math.min(tokens, Math.max(1, room)), 1, 1);
        run(probe, ran);
        chunks.add(probe);
        last = probe.tookSeconds();
      }
    }
    int stepsOfARun = target == null ? stepsOfARun(warm, requestSeconds) : 1;
    Probe largest = chunks.getLast();
    // A deep prompt's tokens take longer than a chunk's, by the attention.
    double perToken = 1.5 * largest.compute().median() / largest.promptTokens();
    int affordable = (int) Math.min(DEEPEST_TOKENS, DEEPEST_TIMES * requestSeconds / perToken);
    int most = Math.max(1, room);
    int deepest =
        Math.clamp(affordable, Math.min(LEAST_CHUNKS * largest.promptTokens(), most), most);
    for (int tokens : coarse ? new int[] {deepest} : new int[] {deepest / 2, deepest}) {
      if (tokens > largest.promptTokens()) {
        Probe probe = probe(tokens, stepsOfARun, 1);
        run(probe, ran);
        deep.add(probe);
      }
    }
    if (target == null) {
      Probe near = probe(shortest, stepsOfARun, 1);
      run(near, ran);
      steps.add(near);
      steps.addAll(deep);
      Probe batch = probe(shortest, stepsOfARun, BATCH);
      run(batch, ran);
      together = batch;
    } else {
      linkProbes(target, ran);
    }
  }

  /**
   * Prompts of which the node computes a single layer: nothing else makes it send as much in as
   * short a time. The first is of one request in the lossless wire type; then, where there is time,
   * of one in the lossy type and of several at once.
   */
  private void linkProbes(PrefillTarget node, Runnable ran) throws InterruptedException {
    links.add(linkProbe(node, KvWireType.F16, 1));
    if (!coarse) {
      boolean q8 = KvWireType.Q8.fits(model.geometry());
      links.add(linkProbe(node, q8 ? KvWireType.Q8 : KvWireType.F16, 1));
      links.add(linkProbe(node, KvWireType.F16, STREAMS));
    }
    for (Probe link : links) {
      run(link, ran);
    }
  }

  private Probe linkProbe(PrefillTarget node, KvWireType wireType, int streams) {
    RemotePrefill first =
        new RemotePrefill(node, 1, ChunkSchedule.equal(largestChunkTokens), wireType, true);
    int tokens = Math.max(1, Math.min(LINK_TOKENS, deepestTokens()) / streams);
    return new Probe(trial, tokens, 1, streams, first);
  }

  private static int stepsOfARun(Probe warm, double requestSeconds) {
    double step = Math.max(1e-6, warm.step().median());
    return (int) Math.clamp(requestSeconds / 2 / step, LEAST_STEPS, MOST_STEPS);
  }

  private static void run(Probe probe, Runnable ran) throws InterruptedException {
    probe.run();
    ran.run();
  }

  private Probe probe(int promptTokens, int outputTokens, int batch) {
    return new Probe(
        trial,
        promptTokens,
        outputTokens,
        batch,
        target == null ? null : whole(target, KvWireType.F16));
  }

  private RemotePrefill whole(PrefillTarget node, KvWireType wireType) {
    return new RemotePrefill(
        node, model.layers(), ChunkSchedule.equal(largestChunkTokens), wireType, true);
  }

  /** Those worth another run, what matters most first. */
  List<Probe> all() {
    List<Probe> all = new ArrayList<>(deep);
    all.addAll(chunks);
    if (target == null) {
      all.add(steps.getFirst());
      all.add(Objects.requireNonNull(together));
    }
    all.addAll(links);
    return all;
  }

  /** The longest prompt that was run. */
  int deepestTokens() {
    return (deep.isEmpty() ? chunks : deep).getLast().promptTokens();
  }

  /** This node's profile. */
  SpeedProfile profile() {
    Probe near = steps.getFirst();
    Probe far = steps.getLast();
    double context = 0;
    if (far.promptTokens() > near.promptTokens()) {
      double tokens = far.promptTokens() - near.promptTokens();
      context = Math.max(0, (far.step().median() - near.step().median()) / tokens);
    }
    double middle = near.promptTokens() + near.outputTokens() / 2.0;
    double one = Math.max(0, near.step().median() - context * middle);
    double batch = Objects.requireNonNull(together).step().median();
    double more = Math.clamp((batch - near.step().median()) / (BATCH - 1), 0, one);
    List<Series> decodes = steps.stream().map(Probe::step).toList();
    return profile(
        Math.max(0, chunks.getFirst().output().median()),
        one - more,
        more,
        context,
        error(decodes));
  }

  /** A prefill node's profile; its decoding is unknown and taken to be the other one's. */
  SpeedProfile profile(SpeedProfile decoder) {
    return profile(
        decoder.outputSeconds(),
        decoder.stepSeconds(),
        decoder.sequenceSeconds(),
        decoder.contextSeconds(),
        decoder.decodeError());
  }

  private SpeedProfile profile(
      double output, double step, double sequence, double context, double decodeError) {
    double attention = attention();
    List<SpeedProfile.ChunkPoint> points = new ArrayList<>();
    double previous = 0;
    for (Probe chunk : chunks) {
      double tokens = chunk.promptTokens();
      double layer = chunk.compute().median() / model.layers() - attention * tokens * tokens / 2;
      previous = Math.max(previous, layer);
      points.add(new SpeedProfile.ChunkPoint(chunk.promptTokens(), previous));
    }
    List<Series> prefills = new ArrayList<>();
    chunks.forEach(probe -> prefills.add(probe.compute()));
    deep.forEach(probe -> prefills.add(probe.compute()));
    return new SpeedProfile(
        "measured",
        points,
        attention,
        output,
        step,
        sequence,
        context,
        error(prefills),
        decodeError);
  }

  /**
   * Seconds of one query over one key in one layer: what prompts of many chunks take beyond as many
   * chunks without depth. Least squares of the relative errors.
   */
  private double attention() {
    Probe chunk = chunks.getLast();
    double size = chunk.promptTokens();
    double flat = chunk.compute().median() / model.layers();
    double above = 0;
    double below = 0;
    for (Probe probe : deep) {
      double tokens = probe.promptTokens();
      double taken = probe.compute().median() / model.layers();
      double pairs = tokens * (tokens - size) / 2;
      double beyond = taken - tokens / size * flat;
      above += pairs * beyond / (taken * taken);
      below += pairs * pairs / (taken * taken);
    }
    return below == 0 ? 0 : Math.max(0, above / below);
  }

  /**
   * The link from this node. One that is faster than the node fills it looks slower than it is, but
   * then it holds nothing up either.
   */
  LinkSpeed link() {
    Probe small = chunks.getFirst();
    Series one = links.getFirst().bytesPerSecond();
    Series several = links.getLast().bytesPerSecond();
    Series best = one.median() > several.median() ? one : several;
    double lossy = coarse ? 0 : links.get(1).bytesPerSecond().median();
    return new LinkSpeed(
        Math.max(0, small.order().median()),
        latencySeconds(
            model,
            small.promptTokens(),
            small.compute().median(),
            small.tail().median(),
            one.median()),
        best.median(),
        Math.max(best.median(), lossy),
        1,
        error(List.of(best)));
  }

  /**
   * What is left of the time from the end of a prompt's computing until its last byte is here, once
   * the KV is gone that was waiting then: that belongs to the link's rate.
   *
   * @param tokens of the prompt, all of its layers computed in {@code compute} seconds
   * @param tail seconds from then until the last byte is here
   */
  static double latencySeconds(
      PlannedModel model, int tokens, double compute, double tail, double bytesPerSecond) {
    double slice = tokens * model.kvBytes(KvWireType.F16) / bytesPerSecond;
    double all = compute / model.layers() + model.layers() * slice;
    double waiting = Math.max(all - compute, slice) + model.hiddenBytes() / bytesPerSecond;
    return Math.max(0, tail - waiting);
  }

  /** Bytes a second of several requests at once; where that was not measured, of one. */
  double bytesPerSecondOfSeveral() {
    return links.getLast().bytesPerSecond().median();
  }

  private static double error(List<Series> of) {
    double sum = 0;
    for (Series series : of) {
      sum += series.error() * series.error();
    }
    return Math.max(LEAST_ERROR, Math.sqrt(sum / of.size()));
  }
}
