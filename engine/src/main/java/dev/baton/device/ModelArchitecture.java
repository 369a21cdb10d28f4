package dev.baton.device;

import dev.baton.kernel.KvGeometry;
import dev.baton.plan.PlannedModel;
import org.jspecify.annotations.Nullable;

/**
 * The shape of a model, from which follows what a token of it costs: bytes and operations.
 *
 * @param name with the quantisation, "Llama 3.1 8B F16"
 * @param quantisation of its weights
 * @param layers of it
 * @param hiddenDim of one token's row
 * @param heads of the queries
 * @param kvHeads of keys and values; counts nothing where there is a latent
 * @param headDim of a query and of a key
 * @param feedForward of the layers that have no experts
 * @param vocabulary and output matrix
 * @param experts of the other layers, or null where there are none
 * @param windows of the layers that do not look back all the way, or null
 * @param latent form of keys and values (MLA), or null
 */
public record ModelArchitecture(
    String name,
    Quantisation quantisation,
    int layers,
    int hiddenDim,
    int heads,
    int kvHeads,
    int headDim,
    FeedForward feedForward,
    Vocabulary vocabulary,
    @Nullable Experts experts,
    @Nullable Windows windows,
    @Nullable Latent latent) {
  /**
   * A feed-forward network.
   *
   * @param dim of its inner row
   * @param matrices 3 with a gate, 2 without
   */
  public record FeedForward(int dim, int matrices) {
    public FeedForward {
      requirePositive("feed-forward dimension", dim);
      requirePositive("feed-forward matrices", matrices);
    }
  }

  /**
   * The tokens a model knows.
   *
   * @param size how many
   * @param tied whether the embedding is the output matrix too
   */
  public record Vocabulary(int size, boolean tied) {
    public Vocabulary {
      requirePositive("vocabulary", size);
    }
  }

  /**
   * Layers of experts.
   *
   * @param count experts of a layer
   * @param used by one token, of these
   * @param dim of one expert's inner row
   * @param sharedDim of what all tokens go through besides, 0 for nothing
   * @param denseLayers how many layers have no experts
   */
  public record Experts(int count, int used, int dim, int sharedDim, int denseLayers) {
    public Experts {
      requirePositive("number of experts", count);
      requirePositive("number of experts used", used);
      requirePositive("experts' dimension", dim);
      if (used > count || sharedDim < 0 || denseLayers < 0) {
        throw new IllegalArgumentException(
            "a token uses at most all experts, and nothing is negative, got "
                + used
                + " of "
                + count
                + ", shared "
                + sharedDim
                + ", dense layers "
                + denseLayers);
      }
    }

    /** How many different experts of a layer some tokens need together, on average. */
    double hit(double tokens) {
      return count * (1 - StrictMath.pow(1 - (double) used / count, tokens));
    }
  }

  /**
   * Layers that look back a little way only.
   *
   * @param tokens how far
   * @param layers how many layers do
   */
  public record Windows(int tokens, int layers) {
    public Windows {
      requirePositive("window", tokens);
      requirePositive("number of windowed layers", layers);
    }
  }

  /**
   * Keys and values as one latent row (multi-head latent attention).
   *
   * @param queryRank of the queries' own latent, 0 for none
   * @param rank of the latent row
   * @param ropeDim of the part of a key that carries the position
   * @param valueDim of one head's value
   */
  public record Latent(int queryRank, int rank, int ropeDim, int valueDim) {
    public Latent {
      requirePositive("latent rank", rank);
      requirePositive("rope dimension", ropeDim);
      requirePositive("value dimension", valueDim);
    }
  }

  public ModelArchitecture {
    requirePositive("number of layers", layers);
    requirePositive("hidden dimension", hiddenDim);
    requirePositive("number of heads", heads);
    requirePositive("number of KV heads", kvHeads);
    requirePositive("head dimension", headDim);
    if ((experts != null && experts.denseLayers >= layers)
        || (windows != null && windows.layers > layers)) {
      throw new IllegalArgumentException(name + " has " + layers + " layers, not more");
    }
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException("the " + what + " is at least 1, got " + value);
    }
  }

  /** Weights that every token is multiplied with, all layers, the output matrix aside. */
  double denseWeights() {
    int expertLayers = experts == null ? 0 : layers - experts.denseLayers;
    double weights = layers * attentionWeights();
    weights += (layers - expertLayers) * feedForwardWeights(feedForward.dim);
    return experts == null
        ? weights
        : weights + expertLayers * feedForwardWeights(experts.sharedDim);
  }

  private double attentionWeights() {
    double hidden = hiddenDim;
    if (latent == null) {
      return 2 * hidden * headDim * (heads + kvHeads);
    }
    double queries = (double) heads * headDim;
    double fromHidden =
        latent.queryRank == 0 ? hidden * queries : latent.queryRank * (hidden + queries);
    double keysAndValues =
        hidden * (latent.rank + latent.ropeDim)
            + (double) latent.rank * heads * (headDim - latent.ropeDim + latent.valueDim);
    return fromHidden + keysAndValues + (double) heads * latent.valueDim * hidden;
  }

  private double feedForwardWeights(int dim) {
    return (double) feedForward.matrices * hiddenDim * dim;
  }

  /** Weights of one expert of every layer that has experts, 0 for a dense model. */
  double oneExpertWeights() {
    return experts == null
        ? 0
        : (double) (layers - experts.denseLayers) * feedForwardWeights(experts.dim);
  }

  /** Weights of the experts that one token uses. */
  double usedExpertWeights() {
    return experts == null ? 0 : oneExpertWeights() * experts.used;
  }

  /** Weights of the experts that some tokens use together. */
  double hitExpertWeights(double tokens) {
    return experts == null ? 0 : oneExpertWeights() * experts.hit(tokens);
  }

  /** Weights of the output matrix. */
  double outputWeights() {
    return (double) hiddenDim * vocabulary.size;
  }

  /** Bytes of the output matrix. */
  double outputBytes() {
    return outputWeights() * quantisation.outputBytes();
  }

  /** Bytes of the layers' weights that are read when some tokens go through them together. */
  double layerBytesRead(double tokens) {
    return denseWeights() * quantisation.denseBytes()
        + hitExpertWeights(tokens) * quantisation.expertBytes();
  }

  /** Bytes of all weights: what has to fit in memory, KV aside. */
  public long weightBytes() {
    double layerBytes =
        denseWeights() * quantisation.denseBytes()
            + (experts == null ? 0 : oneExpertWeights() * experts.count)
                * quantisation.expertBytes();
    return Math.round(layerBytes + outputBytes() * (vocabulary.tied ? 1 : 2));
  }

  /** Bytes of one token's keys and values in one layer, as f16. */
  double kvBytes() {
    double values = latent == null ? 2.0 * kvHeads * headDim : latent.rank + latent.ropeDim;
    return values * Short.BYTES;
  }

  /** Operations of one query over one key, all heads of one layer. */
  double attentionFlop() {
    double perHead = latent == null ? 2.0 * headDim : 2.0 * latent.rank + latent.ropeDim;
    return 2 * heads * perHead;
  }

  /** Layers that look back all the way. */
  int wholeLayers() {
    return windows == null ? layers : layers - windows.layers;
  }

  /** Keys that a query with so many tokens before it looks at, all layers together. */
  double keys(double context) {
    double whole = wholeLayers() * context;
    return windows == null ? whole : whole + windows.layers * Math.min(context, windows.tokens);
  }

  /** What the planner has to know of it. */
  public PlannedModel planned() {
    KvGeometry geometry =
        latent == null
            ? new KvGeometry(layers, kvHeads, headDim)
            : new KvGeometry(layers, 1, (latent.rank + latent.ropeDim) / 2);
    return new PlannedModel(name, geometry, hiddenDim);
  }
}
