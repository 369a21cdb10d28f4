package dev.baton.bench.result;

import dev.baton.bench.report.Spread;
import java.util.Map;

/**
 * What requests of one shape took, cut in one way, over one link.
 *
 * @param key which requests
 * @param boundaryLayer where they were cut; of {@code auto} where most of them were
 * @param values by metric; one that such requests do not have (the time of an answer's second
 *     token, where it has one) is missing
 */
public record SplitRow(Key key, int boundaryLayer, Map<Metric, Spread> values) {
  /** All on the decode node. */
  public static final String LOCAL = "local";

  /** The whole prefill on the prefill node. */
  public static final String REMOTE = "remote";

  /** As the planner chooses. */
  public static final String AUTO = "auto";

  /**
   * Which requests.
   *
   * @param link {@code lo}, {@code 100mbit}
   * @param promptTokens length of the prompt
   * @param outputTokens length of the answer
   * @param split {@value SplitRow#LOCAL}, {@value SplitRow#REMOTE}, {@value SplitRow#AUTO} or a
   *     layer
   */
  public record Key(String link, int promptTokens, int outputTokens, String split) {
    /** For people: {@code lo, 128 in, 32 out, layer 2}. */
    public String title() {
      return link + ", " + promptTokens + " in, " + outputTokens + " out, " + splitTitle(split);
    }
  }

  /** A split for people. */
  public static String splitTitle(String split) {
    return Character.isDigit(split.charAt(0)) ? "layer " + split : split;
  }

  /** A link for people. */
  public static String linkTitle(String link) {
    return link.equals("lo")
        ? "loopback"
        : link.replace("mbit", " Mbit/s").replace("gbit", " Gbit/s");
  }

  /** What every request has. */
  public Spread ttft() {
    return of(Metric.TTFT);
  }

  Spread of(Metric metric) {
    Spread spread = values.get(metric);
    if (spread == null) {
      throw new IllegalStateException(key.title() + " has no " + metric.title());
    }
    return spread;
  }

  /** How many requests. */
  public int runs() {
    return ttft().rounds();
  }
}
