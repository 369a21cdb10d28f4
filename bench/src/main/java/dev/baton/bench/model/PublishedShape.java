package dev.baton.bench.model;

import java.util.Arrays;
import java.util.List;

/**
 * The shapes of published models.
 *
 * @param name as the command line has it
 * @param architecture as GGUF has it
 * @param layers transformer blocks
 * @param dim width of the residual stream
 * @param ffn inner width of the feed-forward part
 * @param heads query heads
 * @param kvHeads K and V heads
 * @param headDim elements of a head
 * @param vocab tokens
 * @param context as long as the model was made for, or as any measurement here wants it
 * @param rmsEps epsilon of RMSNorm
 * @param ropeBase base of the RoPE frequencies
 * @param ropeStretch Llama 3's stretch of low frequencies, 1 for none
 * @param tied whether the embedding serves as the output matrix
 * @param headNorms whether Q and K are normalised head by head
 */
record PublishedShape(
    String name,
    String architecture,
    int layers,
    int dim,
    int ffn,
    int heads,
    int kvHeads,
    int headDim,
    int vocab,
    int context,
    float rmsEps,
    float ropeBase,
    double ropeStretch,
    boolean tied,
    boolean headNorms) {
  private static final int LONG_CONTEXT = 131072;
  private static final int CONTEXT = 16384;

  static final List<PublishedShape> ALL =
      List.of(
          new PublishedShape(
              "tinyllama-1.1b",
              "llama",
              22,
              2048,
              5632,
              32,
              4,
              64,
              32000,
              CONTEXT,
              1e-5f,
              1e4f,
              1,
              false,
              false),
          new PublishedShape(
              "llama3.2-1b",
              "llama",
              16,
              2048,
              8192,
              32,
              8,
              64,
              128256,
              LONG_CONTEXT,
              1e-5f,
              5e5f,
              32,
              true,
              false),
          new PublishedShape(
              "llama3.1-8b",
              "llama",
              32,
              4096,
              14336,
              32,
              8,
              128,
              128256,
              LONG_CONTEXT,
              1e-5f,
              5e5f,
              8,
              false,
              false),
          new PublishedShape(
              "qwen3-0.6b",
              "qwen3",
              28,
              1024,
              3072,
              16,
              8,
              128,
              151936,
              CONTEXT,
              1e-6f,
              1e6f,
              1,
              true,
              true));

  /** The original context of the Llama 3 family, which its stretch refers to. */
  private static final double LLAMA3_CONTEXT = 8192;

  static PublishedShape named(String name) {
    return ALL.stream()
        .filter(shape -> shape.name.equals(name))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no shape is called '" + name + "'; there are " + String.join(", ", names())));
  }

  static List<String> names() {
    return ALL.stream().map(PublishedShape::name).toList();
  }

  /** Whether this version of Baton runs it. */
  boolean isRunByBaton() {
    return architecture.equals("llama");
  }

  /**
   * What Llama 3 divides each RoPE frequency by; empty where nothing is. Source: the {@code llama3}
   * rope type of Meta's Llama 3.1, with factors 1 and 4.
   */
  float[] ropeFactors() {
    if (ropeStretch == 1) {
      return new float[0];
    }
    float[] factors = new float[headDim / 2];
    for (int i = 0; i < factors.length; i++) {
      double waves = LLAMA3_CONTEXT / (2 * Math.PI * StrictMath.pow(ropeBase, 2.0 * i / headDim));
      double smooth = Math.clamp((waves - 1) / (4 - 1), 0, 1);
      factors[i] = (float) (1 / ((1 - smooth) / ropeStretch + smooth));
    }
    return factors;
  }

  /** The same with other sizes, for tests. */
  PublishedShape shrunkTo(int fewLayers, int fewTokens) {
    return new PublishedShape(
        name,
        architecture,
        fewLayers,
        256,
        512,
        4,
        2,
        64,
        fewTokens,
        context,
        rmsEps,
        ropeBase,
        ropeStretch,
        tied,
        headNorms);
  }

  @Override
  public String toString() {
    return name + Arrays.asList(layers, dim, ffn, vocab);
  }
}
