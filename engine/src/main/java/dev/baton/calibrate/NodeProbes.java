package dev.baton.calibrate;

import dev.baton.decode.RemotePrefill;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.PlannedModel;
import dev.baton.plan.SpeedProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
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
  private static final int LEAST_LINK_TOKENS = 128;

  /** All layers of such a prompt but one are computed here, which tells nothing of the link. */
  private static final double LINK_SHARE = 1.0 / 3;

  private static final int LEAST_STEPS = 6;
  private static final int MOST_STEPS = 48;
  private static final int WARM_UP_RUNS = 8;

  /** Warming up takes no more of its time than that, however few runs it was. */
  private static final int WARM_UP_TIMES = 6;

  /** So many tokens travel first: what the second takes longer shows what the link carries. */
  private static final int FIRST_TOKENS = 1;

  private static final int SECOND_TOKENS = 4;

  /** Less is what a busy machine does to any request. */
  private static final double LEAST_SEEN_SECONDS = 0.02;

  /** The first one may take so long, since nothing is known of the link yet. */
  private static final double FIRST_LIMIT_SECONDS = 10;

  /** Others may take so many times as long as they are expected to at most. */
  private static final int LIMIT_TIMES = 4;

  /** No model of a machine is better than that. */
  private static final double LEAST_ERROR = 0.02;

  private final Trial trial;
  private final PlannedModel model;
  private final int room;
  private final NodeLimits limits;
  private final int largestChunkTokens;
  private final @Nullable PrefillTarget target;
  private final boolean coarse;
  private final List<Probe> chunks = new ArrayList<>();
  private final List<Probe> deep = new ArrayList<>();
  private final List<Probe> steps = new ArrayList<>();
  private @Nullable Probe together;
  private final List<Probe> links = new ArrayList<>();
  private double tokenSecondsHere; // of a prompt, through all layers, beside a target
  private double limitSeconds = Trial.NO_LIMIT;
  private double reachTokens = Double.MAX_VALUE; // of a prompt whose KV all layers send in time
  private double linkBytesPerSecond = Double.MAX_VALUE; // as the first transfers show it, at most

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
    this.limits = target == null ? NodeLimits.UNLIMITED : target.limits();
    this.largestChunkTokens = Math.min(largestChunkTokens, limits.chunkTokens());
    this.target = target;
    this.coarse = coarse;
  }

  /**
   * The node that computes what the target does not: so much of a prompt as it has time for shows
   * the link.
   */
  NodeProbes beside(SpeedProfile speed) {
    int chunk = Math.max(1, largestChunkTokens);
    tokenSecondsHere = speed.chunkLayerSeconds(chunk, LINK_TOKENS / 2) * model.layers() / chunk;
    return this;
  }

  /**
   * Runs each request once: as long ones as take about so long.
   *
   * @param warmUpSeconds for small requests before them, until the JVM has compiled its part
   */
  void runOnce(double requestSeconds, double warmUpSeconds, Runnable ran)
      throws InterruptedException {
    if (target != null) {
      seeLink(requestSeconds, ran);
    }
    int shortest = capped(CHUNK_TOKENS[0]);
    Probe warm = probe(shortest, LEAST_STEPS);
    warmUp(warm, warmUpSeconds, ran);
    runChunks(requestSeconds, ran);
    Probe largest = chunks.getLast();
    // A deep prompt's tokens take longer than a chunk's, by the attention.
    double perToken = 1.5 * largest.compute().median() / largest.promptTokens();
    List<Integer> depths = depths((int) (DEEPEST_TIMES * requestSeconds / perToken));
    if (target == null) {
      double step = Math.max(1e-6, warm.step().last());
      int stepsOfARun = (int) Math.clamp(requestSeconds / 2 / step, LEAST_STEPS, MOST_STEPS);
      Probe near = probe(shortest, stepsOfARun);
      run(near, ran);
      depths.forEach(tokens -> deep.add(new Probe(trial, tokens, stepsOfARun, 1, null, near)));
      steps.add(near);
      steps.addAll(deep);
      together = new Probe(trial, shortest, stepsOfARun, BATCH, null, near);
      run(together, ran);
    } else {
      depths.stream()
          .filter(tokens -> tokens <= DEEPEST_TIMES * reachTokens)
          .forEach(tokens -> deep.add(probe(tokens, 1)));
      double perLinkToken = Math.max(perToken, tokenSecondsHere);
      linkProbes(target, (int) (LINK_SHARE * requestSeconds / perLinkToken), requestSeconds, ran);
    }
    for (Probe probe : deep) {
      run(probe, ran);
    }
  }

  private void warmUp(Probe warm, double seconds, Runnable ran) throws InterruptedException {
    long startNs = System.nanoTime();
    double elapsed = 0;
    for (int i = 0;
        elapsed < seconds || (i < WARM_UP_RUNS && elapsed < WARM_UP_TIMES * seconds);
        i++) {
      run(warm, ran);
      elapsed = (System.nanoTime() - startNs) / 1e9;
    }
  }

  /**
   * Sends two prompts of a few tokens, and learns from how much longer the second one takes how
   * much of a prompt the link brings in a request's time, its latency aside.
   */
  private void seeLink(double requestSeconds, Runnable ran) throws InterruptedException {
    limitSeconds = FIRST_LIMIT_SECONDS;
    Probe first = probe(Math.clamp(room, 1, FIRST_TOKENS), 1);
    run(first, ran);
    limitSeconds =
        LIMIT_TIMES * (first.tookSeconds() * SECOND_TOKENS + DEEPEST_TIMES * requestSeconds);
    Probe second = probe(Math.clamp(room, 1, SECOND_TOKENS), 1);
    run(second, ran);
    if (see(first, second, requestSeconds)) {
      run(second, ran); // unless it was held up by something else
      reachTokens = Double.MAX_VALUE;
      linkBytesPerSecond = Double.MAX_VALUE;
      see(first, second, requestSeconds);
    }
    limitSeconds = LIMIT_TIMES * (first.tookSeconds() + DEEPEST_TIMES * requestSeconds);
  }

  /** Whether the link was seen at all: a fast one hides behind what else takes time. */
  private boolean see(Probe fewer, Probe more, double requestSeconds) {
    int tokens = more.promptTokens() - fewer.promptTokens();
    double seconds = more.besideSeconds() - fewer.besideSeconds();
    if (tokens <= 0 || seconds < LEAST_SEEN_SECONDS) {
      return false;
    }
    reachTokens = Math.min(reachTokens, requestSeconds * tokens / seconds);
    double bytes = (double) tokens * model.layers() * model.kvBytes(KvWireType.F16);
    linkBytesPerSecond = Math.min(linkBytesPerSecond, bytes / seconds);
    return true;
  }

  /** No more than the model takes, nor than the link brings. */
  private int capped(int tokens) {
    return (int) Math.clamp(Math.min(tokens, reachTokens), 1, Math.max(1, room));
  }

  /** True where a link is so slow that not the nodes decide how much can be measured. */
  private boolean isLinkSlow() {
    return reachTokens < LEAST_LINK_TOKENS;
  }

  private void runChunks(double requestSeconds, Runnable ran) throws InterruptedException {
    double last = 0;
    for (int tokens : coarse ? COARSE_CHUNK_TOKENS : CHUNK_TOKENS) {
      boolean fits = tokens <= largestChunkTokens && tokens <= capped(tokens);
      if (chunks.isEmpty() || (fits && 2 * last < requestSeconds)) {
        Probe probe = probe(capped(tokens), 1);
        run(probe, ran);
        if (target != null && !chunks.isEmpty()) {
          boolean _ = see(chunks.getFirst(), probe, requestSeconds);
        }
        chunks.add(probe);
        last = probe.tookSeconds();
      }
    }
  }

  /** Lengths of the prompts of many chunks. */
  private List<Integer> depths(int affordable) {
    int largest = chunks.getLast().promptTokens();
    int most = Math.max(1, room);
    int deepest =
        Math.clamp(
            Math.min(DEEPEST_TOKENS, affordable), Math.min(LEAST_CHUNKS * largest, most), most);
    return Stream.of(deepest / 2, deepest)
        .filter(tokens -> tokens > largest && (!coarse || tokens == deepest))
        .toList();
  }

  /**
   * Prompts of which the node computes a single layer: nothing else makes it send as much in as
   * short a time. The first is of one request in the lossless wire type; then, where there is time,
   * of one in the lossy type and of several at once.
   */
  private void linkProbes(PrefillTarget node, int affordable, double requestSeconds, Runnable ran)
      throws InterruptedException {
    int most = Math.clamp(room, 1, LINK_TOKENS);
    int tokens = Math.clamp(affordable, Math.min(LEAST_LINK_TOKENS, most), most);
    if (isLinkSlow()) {
      double bytes = model.kvBytes(KvWireType.F16) + (double) model.hiddenBytes();
      tokens = (int) Math.clamp(requestSeconds * linkBytesPerSecond / bytes, 1, most);
    }
    links.add(linkProbe(node, tokens, KvWireType.F16, 1));
    if (!coarse) {
      boolean q8 = KvWireType.Q8.fits(model.geometry());
      links.add(linkProbe(node, tokens, q8 ? KvWireType.Q8 : KvWireType.F16, 1));
      links.add(linkProbe(node, tokens, KvWireType.F16, streams(tokens)));
    }
    for (Probe link : links) {
      run(link, ran);
    }
  }

  /** As many at once as the node has room for. */
  private int streams(int tokens) {
    int streams = Math.clamp(limits.orders(), 1, STREAMS);
    while (streams > 1 && streams * blockTokens(tokens / streams) > limits.roomTokens()) {
      streams--;
    }
    return streams;
  }

  private static long blockTokens(int tokens) {
    return (long) KvGeometry.BLOCK_TOKENS
        * Math.ceilDiv(Math.max(1, tokens), KvGeometry.BLOCK_TOKENS);
  }

  private Probe linkProbe(PrefillTarget node, int tokens, KvWireType wireType, int streams) {
    RemotePrefill first =
        new RemotePrefill(node, 1, ChunkSchedule.equal(largestChunkTokens), wireType, true);
    return new Probe(trial, Math.max(1, tokens / streams), 1, streams, first, null)
        .within(limitSeconds);
  }

  private static void run(Probe probe, Runnable ran) throws InterruptedException {
    probe.run();
    ran.run();
  }

  private Probe probe(int promptTokens, int outputTokens) {
    return new Probe(
            trial,
            promptTokens,
            outputTokens,
            1,
            target == null ? null : whole(target, KvWireType.F16),
            null)
        .within(limitSeconds);
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
    LinearFit step =
        LinearFit.through(
            steps.stream().mapToDouble(NodeProbes::contextOf).toArray(),
            steps.stream().mapToDouble(Probe::stepSeconds).toArray());
    double batch = Objects.requireNonNull(together).stepSeconds();
    double near = steps.getFirst().stepSeconds();
    double more = Math.clamp((batch - near) / (BATCH - 1), 0, step.start());
    return profile(
        Math.max(0, chunks.getFirst().output().median()),
        step.start() - more,
        more,
        step.slope(),
        error(steps.stream().mapToDouble(Probe::stepError)));
  }

  /** In the middle of its answer. */
  private static double contextOf(Probe probe) {
    return probe.promptTokens() + probe.outputTokens() / 2.0;
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
    DoubleStream prefills =
        Stream.concat(chunks.stream(), deep.stream()).mapToDouble(probe -> probe.compute().error());
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
    Samples one = links.getFirst().bytesPerSecond();
    Samples several = links.getLast().bytesPerSecond();
    Samples best = one.median() > several.median() ? one : several;
    double lossy = coarse ? 0 : rate(links.get(1).bytesPerSecond());
    return new LinkSpeed(
        Math.max(0, small.order().median()),
        latencySeconds(
            model,
            small.promptTokens(),
            small.compute().median(),
            small.tail().median(),
            rate(one)),
        rate(best),
        Math.max(rate(best), lossy),
        1,
        error(DoubleStream.of(best.error())));
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
    return rate(links.getLast().bytesPerSecond());
  }

  /** Few bytes come all at once, as if the link knew no limit. */
  private double rate(Samples bytesPerSecond) {
    double rate = bytesPerSecond.median();
    return isLinkSlow() ? Math.min(rate, linkBytesPerSecond) : rate;
  }

  /** Of several figures, from how far each is likely to be off. */
  private static double error(DoubleStream errors) {
    return Math.max(
        LEAST_ERROR, Math.sqrt(errors.map(error -> error * error).average().orElseThrow()));
  }
}
