package dev.baton.plan;

import dev.baton.kernel.KvWireType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The way of one request through a prefill node, a link and a decode node, as the engine goes it:
 * chunk after chunk through layers [0, b) at the one; each layer's KV leaves when it is done, the
 * chunk's hidden rows overtake what KV still waits; layers [b, L) at the other, chunk by chunk as
 * the rows arrive; the first token; decode steps, the first of which follows the KV layer by layer.
 *
 * <p>All times are sums, maxima and minima of times of work, so how much a kind of work counts is
 * what the whole changes by when that work alone becomes a little slower ({@link Scale}).
 *
 * <p>A prefix that the decode node has cached is not sent, but what of it the prefill node does not
 * hold goes through its layers [0, b) all the same. Not thread-safe; used again and again without
 * allocation.
 */
final class Pipeline {
  /** KV that was handed to the stream before hidden rows and cannot be overtaken any more. */
  private static final double PIPE_BYTES = 2 << 20;

  /** By how much a kind of work is slowed to see what the whole changes by. */
  private static final double STEP = 1e-6;

  /** How much slower than predicted each kind of work is taken to be, 1 for as predicted. */
  record Scale(double queue, double prefillNode, double link, double here, double decode) {
    static final Scale NONE = new Scale(1, 1, 1, 1, 1);
  }

  private final PlannedModel model;
  private final RequestShape shape;
  private double ttft;
  private double e2e;
  private double[] arrivals = new double[1]; // before the first chunk, and behind each

  Pipeline(PlannedModel model, RequestShape shape) {
    this.model = model;
    this.shape = shape;
  }

  /** Seconds until the first token of what was run last. */
  double ttft() {
    return ttft;
  }

  /** Seconds until the last token of what was run last. */
  double e2e() {
    return e2e;
  }

  /** Runs a request on one node. */
  void runAlone(ClusterNode node, ChunkCosts costs, Scale scale) {
    ttft =
        scale.queue * node.queueSeconds()
            + scale.here * (model.layers() * costs.sum() + node.outputSeconds());
    e2e = shape.outputTokens() == 1 ? ttft : ttft + scale.decode * decodeSeconds(node, 1);
  }

  /**
   * Runs a request on two nodes.
   *
   * @param tokens of each chunk
   */
  void run(
      ClusterNode there,
      ChunkCosts thereCosts,
      ClusterNode here,
      ChunkCosts hereCosts,
      LinkSpeed link,
      KvWireType wireType,
      int[] tokens,
      int boundary,
      Scale scale) {
    int layers = model.layers();
    double perByte = scale.link / link.bytesPerSecond(wireType);
    double kvSecond = perByte * model.kvBytes(wireType);
    double rowSecond = scale.link / link.f16BytesPerSecond() * model.hiddenBytes();
    double latency = scale.link * link.latencySeconds();
    double pipe = perByte * PIPE_BYTES;
    double slower = boundary < layers ? link.slowdown() : 1;
    double thereEnd =
        Math.max(scale.queue * there.queueSeconds(), scale.link * link.orderSeconds())
            + scale.prefillNode * boundary * thereCosts.againSeconds(boundary);
    double hereEnd = scale.queue * here.queueSeconds();
    if (arrivals.length <= tokens.length) {
      arrivals = new double[tokens.length + 1];
    }
    arrivals[0] = thereEnd + latency;
    double sent = 0;
    double rowsSent = 0;
    for (int i = 0; i < tokens.length; i++) {
      double layer = slower * scale.prefillNode * thereCosts.layerSeconds(i);
      double slice = kvSecond * tokens[i];
      double start = thereEnd;
      thereEnd = start + boundary * layer;
      double slices = boundary * slice;
      sent = Math.max(Math.max(sent, start + layer) + slices, thereEnd + slice);
      if (boundary < layers) {
        double rows = rowSecond * tokens[i];
        double behind = Math.min(Math.max(0, sent - thereEnd), pipe);
        sent += rows;
        rowsSent = Math.max(rowsSent, thereEnd + behind) + rows;
        hereEnd =
            Math.max(hereEnd, rowsSent + latency)
                + slower * scale.here * (layers - boundary) * hereCosts.layerSeconds(i);
      }
      arrivals[i + 1] = sent + latency;
    }
    if (boundary == layers) {
      double behind = Math.min(Math.max(0, sent - thereEnd), pipe);
      sent += rowSecond;
      hereEnd = Math.max(hereEnd, thereEnd + behind + rowSecond + latency);
    }
    ttft = hereEnd + scale.here * here.outputSeconds();
    e2e = ttft;
    if (shape.outputTokens() > 1) {
      double step = scale.decode * stepSeconds(here, shape.promptTokens() + 1);
      double followed = sent + latency + step * (layers - boundary + 1) / layers;
      e2e = Math.max(ttft + step, followed) + scale.decode * decodeSeconds(here, 2);
    }
  }

  /** What all hidden rows of the prompt take on a link. */
  double rowsSeconds(LinkSpeed link) {
    long tokens = (long) shape.promptTokens() - shape.cachedTokens();
    return tokens * model.hiddenBytes() / link.f16BytesPerSecond();
  }

  /** Bytes that such a plan moves. */
  long bytes(KvWireType wireType, int boundary) {
    long tokens = (long) shape.promptTokens() - shape.cachedTokens();
    long rows = boundary < model.layers() ? tokens : 1;
    return tokens * boundary * model.kvBytes(wireType) + rows * model.hiddenBytes();
  }

  /**
   * How the KV of what was run last on two nodes arrives.
   *
   * @param tokens of each chunk
   */
  List<Prediction.Arrival> arrivals(int[] tokens) {
    double all = (double) shape.promptTokens() - shape.cachedTokens();
    List<Prediction.Arrival> points = new ArrayList<>(tokens.length + 1);
    int arrived = 0;
    for (int i = 0; i <= tokens.length; i++) {
      points.add(new Prediction.Arrival(arrived / all, arrivals[i]));
      arrived += i < tokens.length ? tokens[i] : 0;
    }
    return points;
  }

  private static double stepSeconds(ClusterNode node, long contextTokens) {
    return node.correction().decode() * node.speed().decodeStepSeconds(1, contextTokens);
  }

  /** All decode steps from the {@code first}-th on. */
  double decodeSeconds(ClusterNode node, int first) {
    return node.decodeSeconds(shape.promptTokens(), first, shape.outputTokens());
  }

  /**
   * Where the time of a plan goes.
   *
   * @param run runs it with a scale
   * @param ofTtft the time until the first token, not until the last
   */
  Prediction.Path path(Consumer<Scale> run, boolean ofTtft) {
    double slower = 1 + STEP;
    run.accept(Scale.NONE);
    double whole = ofTtft ? ttft : e2e;
    return new Prediction.Path(
        part(run, new Scale(slower, 1, 1, 1, 1), whole, ofTtft),
        part(run, new Scale(1, slower, 1, 1, 1), whole, ofTtft),
        part(run, new Scale(1, 1, slower, 1, 1), whole, ofTtft),
        part(run, new Scale(1, 1, 1, slower, 1), whole, ofTtft),
        part(run, new Scale(1, 1, 1, 1, slower), whole, ofTtft));
  }

  private double part(Consumer<Scale> run, Scale scale, double whole, boolean ofTtft) {
    run.accept(scale);
    return Math.max(0, ((ofTtft ? ttft : e2e) - whole) / STEP);
  }
}
