package dev.baton.device;

import dev.baton.device.DeviceFamily.Vendor;
import java.util.ArrayList;
import java.util.List;

/**
 * What a prefill and a decode step cost, as a sum of terms. Each term is what the data sheets say
 * (bytes over bandwidth, operations over peak) times fitted factors: {@code seconds * exp(sum of
 * coefficient * weight)}. A coefficient that nobody fitted is 0, so an unknown device has its
 * generation's, an unknown generation its vendor's, and an unknown vendor all devices'.
 *
 * <p>Pure; the terms are the same for the fit and for a prediction.
 */
public final class SpeedModel {
  /** The software that computes; it makes a difference that no data sheet tells. */
  public enum Kernels {
    /** Attention's scores lie in memory; NVIDIA turns quantised weights to f16 in every pass. */
    OF_2024,
    /** Flash attention; NVIDIA multiplies quantised weights as integers; experts are slow. */
    OF_2025,
    /** As in 2025, with faster experts. */
    TODAY;

    private String attention() {
      return this == OF_2024 ? "plain" : "flash";
    }
  }

  /**
   * One reason why time passes.
   *
   * @param seconds as the data sheets say
   * @param factors what that is multiplied with
   */
  public record Term(double seconds, List<Factor> factors) {
    public Term {
      factors = List.copyOf(factors);
    }
  }

  /**
   * A coefficient's part in a term.
   *
   * @param coefficient its name
   * @param weight what it is multiplied with in the exponent
   */
  public record Factor(String coefficient, double weight) {}

  /**
   * Tokens that go through the layers together.
   *
   * @param tokens of each sequence, at least 1
   * @param depth tokens before these
   * @param sequences at least 1
   * @param passTokens at most so many of all sequences' tokens at once
   */
  public record Prefill(int tokens, int depth, int sequences, int passTokens) {
    public Prefill {
      if (tokens < 1 || depth < 0 || sequences < 1 || passTokens < 1) {
        throw new IllegalArgumentException(
            "a prefill has at least 1 token, sequence and token in a pass, and no depth below 0");
      }
    }
  }

  // What the coefficients correct: about right everywhere, so that 0 is a fair guess for each.
  private static final double BANDWIDTH_SHARE = 0.85;
  private static final double LAYER_SECONDS = 80e-6;

  /** Attention is computed in f16 by everybody. */
  private static final double ATTENTION_SHARE = 0.55;

  /**
   * A key costs a lone query so much more than the peak says: there is little to do in parallel.
   */
  private static final double LONE_QUERY_COST = 8;

  /** Multiplying a few rows takes so many times what it takes among many. */
  private static final double FEW_ROWS_COST = 5;

  /** The same where the rows are spread over experts. */
  private static final double FEW_EXPERT_ROWS_COST = 12;

  /** Sequences choose experts more alike than chance: B of them are like this power of B. */
  private static final double EXPERTS_ALIKE = 0.8;

  /** Rows of a tile that stay empty, for every matrix. */
  private static final double EMPTY_ROWS = 22;

  /** A score is written, scaled, and read again. */
  private static final double SCORE_BYTES = 12;

  /** NVFP4 is multiplied at four times the rate of f16. */
  private static final double NVFP4_SPEEDUP = 4;

  private SpeedModel() {}

  /** A decode step of {@code batch} sequences with {@code context} tokens each. */
  public static List<Term> decode(
      Device device, ModelArchitecture model, Kernels kernels, int batch, double context) {
    Reasons reasons = new Reasons(device, model, kernels);
    List<Term> terms = new ArrayList<>(onePass(device, model, batch, model.outputBytes()));
    double read = terms.getFirst().seconds();
    double keys = batch * model.keys(context);
    reasons.add(
        terms,
        keys * model.kvBytes() / (BANDWIDTH_SHARE * device.bandwidth()),
        reasons.vendor("decode.kv." + kernels.attention()));
    reasons.add(
        terms,
        LONE_QUERY_COST * keys * model.attentionFlop() / device.flops16(),
        reasons.attention("decode.attention."));
    boolean dense = model.experts() == null;
    double flop = 2 * (model.denseWeights() + model.usedExpertWeights() + model.outputWeights());
    double work =
        batch * flop * (dense ? FEW_ROWS_COST : FEW_EXPERT_ROWS_COST) / reasons.usualFlops();
    // Multiplying hides behind reading, so that only what sticks out costs.
    reasons.add(
        terms,
        StrictMath.hypot(work, read) - read,
        reasons.vendor(dense ? "decode.work.dense" : "decode.work.moe"));
    if (!dense && batch > 1) {
      reasons.add(terms, model.layers() * LAYER_SECONDS, reasons.vendor("decode.sort"));
    }
    return terms;
  }

  /**
   * The least that any number of tokens costs: once through the layers' weights.
   *
   * @param moreBytes to be read besides, the output matrix say
   */
  static List<Term> onePass(Device device, ModelArchitecture model, int tokens, double moreBytes) {
    Reasons reasons = new Reasons(device, model, Kernels.TODAY);
    double bytes = model.layerBytesRead(StrictMath.pow(tokens, EXPERTS_ALIKE)) + moreBytes;
    return List.of(
        new Term(bytes / (BANDWIDTH_SHARE * device.bandwidth()), reasons.weights()),
        new Term(model.layers() * LAYER_SECONDS, reasons.layer()));
  }

  /** A prefill, without the output matrix. */
  public static List<Term> prefill(
      Device device, ModelArchitecture model, Kernels kernels, Prefill prefill) {
    Reasons reasons = new Reasons(device, model, kernels);
    double tokens = (double) prefill.tokens * prefill.sequences;
    double together = Math.min(tokens, prefill.passTokens);
    double passes = tokens / together;
    double hitWeights = model.hitExpertWeights(together);
    boolean nvfp4 = model.quantisation() == Quantisation.NVFP4;
    double flops = reasons.usualFlops() * (nvfp4 ? NVFP4_SPEEDUP : 1);
    double bandwidth = BANDWIDTH_SHARE * device.bandwidth();
    List<Term> terms = new ArrayList<>();
    reasons.add(terms, 2 * model.denseWeights() * tokens / flops, reasons.dense());
    reasons.add(terms, 2 * model.usedExpertWeights() * tokens / flops, reasons.expert());
    reasons.add(
        terms,
        2 * model.denseWeights() * EMPTY_ROWS * passes / flops,
        reasons.vendor("prefill.rows.dense"));
    reasons.add(
        terms, 2 * hitWeights * EMPTY_ROWS * passes / flops, reasons.vendor("prefill.rows.moe"));
    reasons.add(
        terms, passes * model.layerBytesRead(together) / bandwidth, reasons.vendor("prefill.read"));
    if (reasons.dequantises()) {
      reasons.add(
          terms,
          passes * (model.denseWeights() + hitWeights) * 2 * Short.BYTES / bandwidth,
          reasons.vendor("prefill.dequantise"));
    }
    reasons.add(terms, passes * model.layers() * LAYER_SECONDS, reasons.vendor("prefill.layer"));
    addAttention(terms, reasons, prefill);
    return terms;
  }

  private static void addAttention(List<Term> terms, Reasons reasons, Prefill prefill) {
    ModelArchitecture model = reasons.model;
    double pairs = prefill.sequences * pairs(model, prefill.tokens, prefill.depth);
    reasons.add(
        terms,
        pairs * model.attentionFlop() / (ATTENTION_SHARE * reasons.device.flops16()),
        reasons.attention("prefill.attention."));
    if (reasons.kernels == Kernels.OF_2024) {
      double bytes = pairs * model.heads() * SCORE_BYTES;
      reasons.add(
          terms,
          bytes / (BANDWIDTH_SHARE * reasons.device.bandwidth()),
          reasons.vendor("prefill.scores"));
    }
  }

  /** Queries times keys, all layers together. */
  private static double pairs(ModelArchitecture model, int tokens, int depth) {
    double whole = tokens * (depth + tokens / 2.0);
    ModelArchitecture.Windows windows = model.windows();
    if (windows == null) {
      return model.layers() * whole;
    }
    // The first queries have fewer keys before them than the window holds.
    double ramp = Math.max(0, Math.min(tokens, windows.tokens() - depth));
    double windowed = ramp * (depth + ramp / 2) + (tokens - ramp) * windows.tokens();
    return model.wholeLayers() * whole + windows.layers() * windowed;
  }

  /** The coefficients that a device, a model and kernels have part in. */
  private record Reasons(Device device, ModelArchitecture model, Kernels kernels) {
    private static final double REFERENCE_BANDWIDTH = 8e11;
    private static final double REFERENCE_FLOPS = 2e14;
    private static final double REFERENCE_WATTS = 300;

    void add(List<Term> terms, double seconds, List<Factor> factors) {
      if (seconds > 0) {
        terms.add(new Term(seconds, factors));
      }
    }

    /** What large matrices get out of the device. */
    double usualFlops() {
      return vendorOf().peakShare() * device.flops16();
    }

    boolean dequantises() {
      return vendorOf() == Vendor.NVIDIA && kernels == Kernels.OF_2024 && quantised();
    }

    private boolean quantised() {
      return !model.quantisation().kernels().equals("f16");
    }

    List<Factor> weights() {
      List<Factor> factors = generation("decode.weights");
      factors.add(new Factor("decode.device." + device.name(), 1));
      double bandwidth = device.bandwidth() / REFERENCE_BANDWIDTH;
      factors.add(
          new Factor("decode.weights.bandwidth." + vendorOf().word(), StrictMath.log(bandwidth)));
      factors.addAll(vendor("decode.weights.as." + model.quantisation().kernels()));
      return factors;
    }

    List<Factor> layer() {
      List<Factor> factors = generation("decode.layer");
      if (model.experts() != null) {
        factors.addAll(vendor("decode.layer.moe"));
      }
      return factors;
    }

    /** Multiplying large matrices. Power limits it, but on Apple, where it is never short. */
    List<Factor> dense() {
      List<Factor> factors = multiplying();
      if (vendorOf() != Vendor.APPLE) {
        double peak = device.flops16() / REFERENCE_FLOPS;
        double watts = device.watts() / REFERENCE_WATTS;
        factors.add(new Factor("prefill.flop.peak", StrictMath.log(peak)));
        factors.add(new Factor("prefill.flop.power", StrictMath.log(watts / peak)));
      }
      return factors;
    }

    /** Multiplying experts. They are small: the faster the device, the less they fill it. */
    List<Factor> expert() {
      List<Factor> factors = multiplying();
      factors.addAll(vendor("prefill.expert"));
      if (kernels == Kernels.OF_2025) {
        factors.add(new Factor("prefill.expert.2025", 1));
      }
      if (vendorOf() != Vendor.APPLE) {
        double peak = device.flops16() / REFERENCE_FLOPS;
        factors.add(new Factor("prefill.expert.peak", StrictMath.log(peak)));
      }
      return factors;
    }

    private List<Factor> multiplying() {
      List<Factor> factors = generation("prefill.flop");
      factors.add(new Factor("prefill.device." + device.name(), 1));
      if (quantised() && !dequantises()) {
        factors.addAll(generation("prefill.flop.quantised"));
        factors.addAll(vendor("prefill.flop.as." + model.quantisation().kernels()));
      }
      return factors;
    }

    List<Factor> attention(String name) {
      List<Factor> factors = vendor(name + kernels.attention());
      if (model.latent() != null) {
        factors.addAll(vendor(name + "latent"));
      }
      return factors;
    }

    private Vendor vendorOf() {
      return device.family().vendor();
    }

    /** Of all devices, their vendor's and their generation's. */
    private List<Factor> generation(String name) {
      List<Factor> factors = vendor(name);
      String generation = device.family().generation();
      if (!generation.isEmpty()) {
        factors.add(new Factor(name + "." + vendorOf().word() + "." + generation, 1));
      }
      return factors;
    }

    /** Of all devices and their vendor's. */
    private List<Factor> vendor(String name) {
      List<Factor> factors = new ArrayList<>();
      factors.add(new Factor(name, 1));
      if (vendorOf() != Vendor.OTHER) {
        factors.add(new Factor(name + "." + vendorOf().word(), 1));
      }
      return factors;
    }
  }
}
