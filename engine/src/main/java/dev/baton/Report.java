package dev.baton;

import org.jspecify.annotations.Nullable;

/**
 * What a request did.
 *
 * @param model the model's name
 * @param end why the answer ended: {@code end} (the model's own), {@code length} (as long as was
 *     allowed), {@code context} (the model's context is full), {@code stop}, {@code cancelled}
 * @param route where it was computed
 * @param tokens of prompt and answer
 * @param times what it took
 * @param transfer what was streamed here
 * @param numbers {@code exact}: the same bits as on any other node of the kind; {@code within
 *     tolerance}: an accelerator took part; {@code lossy}: computed from KV that came in a lossy
 *     form; {@code lossy, within tolerance}: both
 * @param reason why it was cut there, one sentence, where the planner chose; else null
 * @param fallback why the request did not run as planned, one line, or null
 */
public record Report(
    String model,
    String end,
    Route route,
    Tokens tokens,
    Times times,
    Transfer transfer,
    String numbers,
    @Nullable String reason,
    @Nullable String fallback) {
  /**
   * Who computed what.
   *
   * @param prefillNode who prefilled layers [0, boundaryLayer); this process when that is 0
   * @param decodeNode who did the rest
   * @param boundaryLayer where the request was cut, 0..layers
   * @param layers the model's layers
   */
  public record Route(String prefillNode, String decodeNode, int boundaryLayer, int layers) {}

  /**
   * How long prompt and answer were.
   *
   * @param promptTokens tokens of the prompt
   * @param cachedTokens of these the first ones, whose KV was here from an earlier request
   * @param outputTokens tokens of the answer
   */
  public record Tokens(int promptTokens, int cachedTokens, int outputTokens) {}

  /**
   * What the request took.
   *
   * @param measuringNs what the request waited, before it began, for both nodes to be measured
   * @param prefillNs time until the prompt had gone through all layers and its last row was here
   * @param prefillTokensPerSecond tokens of the prompt that were not cached, over the compute time
   *     of the prefill
   * @param ttftNs from the request until the first token
   * @param decodeTokensPerSecond tokens after the first over the time they took; 0 for fewer than
   *     two
   * @param longestStallNs the longest gap between two tokens; 0 for fewer than two
   */
  public record Times(
      long measuringNs,
      long prefillNs,
      double prefillTokensPerSecond,
      long ttftNs,
      double decodeTokensPerSecond,
      long longestStallNs) {}

  /**
   * The KV that came from the prefill node.
   *
   * @param kvBytes payload bytes of KV streamed here
   * @param hiddenShare share of the transfer that arrived while the prefill node still computed,
   *     0..1
   * @param resumes how often the transfer went on over a new connection
   * @param savedBytes payload bytes that were here at the last resume and did not travel again
   * @param datagrams how the datagrams with the KV were received and why so, or null where none
   *     came
   */
  public record Transfer(
      long kvBytes, double hiddenShare, int resumes, long savedBytes, @Nullable String datagrams) {
    /** Nothing came. */
    public static final Transfer NONE = new Transfer(0, 1, 0, 0, null);
  }

  /** The same bits as everywhere. */
  public static final String EXACT = "exact";

  /** An accelerator took part. */
  public static final String TOLERANT = "within tolerance";

  /** KV came in a lossy form, so that the answer may be another one than without. */
  public static final String LOSSY = "lossy";

  /** The words for {@link #numbers}. */
  public static String numbers(boolean exact, boolean lossy) {
    if (lossy) {
      return exact ? LOSSY : LOSSY + ", " + TOLERANT;
    }
    return exact ? EXACT : TOLERANT;
  }
}
