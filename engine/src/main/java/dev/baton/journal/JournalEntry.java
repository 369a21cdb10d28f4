package dev.baton.journal;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was planned for one request and what happened. Nothing of what was asked or answered. As
 * JSON it is flat but for the times: its parts' fields stand among its own.
 *
 * @param time when the request had ended
 * @param model the model's name
 * @param profile when that was measured what the plan was made with, which tells one measurement
 *     from another; null in entries of before this was noted
 * @param route where it was to be computed
 * @param tokens of prompt and answer
 * @param counted what the nodes had and had to do when it was planned
 * @param caller who asked, as the application names it; null where it does not
 * @param times what it was to take and what it took
 * @param fallback why the request did not run as planned, one line, or null
 */
public record JournalEntry(
    Instant time,
    String model,
    @Nullable Instant profile,
    @JsonUnwrapped Route route,
    @JsonUnwrapped Tokens tokens,
    @JsonUnwrapped Counted counted,
    @Nullable String caller,
    @JsonUnwrapped Times times,
    @Nullable String fallback) {
  public JournalEntry {
    requireNamed(model, "model");
  }

  /**
   * The plan: who was to compute what.
   *
   * @param prefillNode who computed layers [0, boundaryLayer) of the prompt; null where the decode
   *     node did it all
   * @param decodeNode who did the rest
   * @param boundaryLayer 0 without a prefill node, else 1..layers
   * @param layers the model's layers
   * @param chunkTokens tokens of each chunk of the prompt, in order
   * @param wireType the form of the KV on its way; null without a prefill node
   */
  public record Route(
      @Nullable String prefillNode,
      String decodeNode,
      int boundaryLayer,
      int layers,
      List<Integer> chunkTokens,
      @Nullable String wireType) {
    public Route {
      chunkTokens = List.copyOf(chunkTokens);
      requireNamed(decodeNode, "decode node");
      if (boundaryLayer < 0
          || boundaryLayer > layers
          || (boundaryLayer == 0) != (prefillNode == null)
          || (prefillNode == null) != (wireType == null)) {
        throw new IllegalArgumentException(
            "a prefill node and a wire type stand where there is a boundary layer, got "
                + boundaryLayer
                + " of "
                + layers
                + " layers");
      }
    }

    /** A route that needs no other node. */
    public static Route local(String decodeNode, int layers, List<Integer> chunkTokens) {
      return new Route(null, decodeNode, 0, layers, chunkTokens, null);
    }

    /** True when both nodes computed layers of the prompt. */
    public boolean sharesThePrompt() {
      return boundaryLayer > 0 && boundaryLayer < layers;
    }
  }

  /**
   * How long prompt and answer were.
   *
   * @param promptTokens tokens of the prompt, the cached ones among them
   * @param cachedTokens how many of them needed no computation
   * @param outputTokens tokens of the answer
   * @param outputLimit the most it might have had; 0 in entries of before this was noted
   */
  public record Tokens(int promptTokens, int cachedTokens, int outputTokens, int outputLimit) {
    public Tokens {
      if (promptTokens < 0
          || cachedTokens < 0
          || cachedTokens > promptTokens
          || outputTokens < 0
          || outputLimit < 0) {
        throw new IllegalArgumentException(
            "token counts are not negative and cached tokens are of the prompt, got "
                + promptTokens
                + " with "
                + cachedTokens
                + " cached and "
                + outputTokens
                + " answered");
      }
    }
  }

  /**
   * What was counted beside speeds. 0: nothing, or not known.
   *
   * @param heldThereTokens of the prompt, held by the prefill node
   * @param queueHereSeconds of work before it at the decode node
   * @param queueThereSeconds of work before it at the prefill node
   */
  public record Counted(int heldThereTokens, double queueHereSeconds, double queueThereSeconds) {
    /** Nothing. */
    public static final Counted NONE = new Counted(0, 0, 0);

    public Counted {
      check(queueHereSeconds);
      check(queueThereSeconds);
    }
  }

  /**
   * What the request was to take and what it took.
   *
   * @param predicted what the planner promised, corrected by what it had learnt until then
   * @param observed what the caller saw
   * @param modelled compute time by the cost model alone, before any correction: with it an outcome
   *     means the same whatever was known when it was planned
   * @param measured the same compute time as it was
   */
  public record Times(Latency predicted, Latency observed, Phases modelled, Phases measured) {}

  /**
   * Times from the request's arrival.
   *
   * @param ttftSeconds until the first token
   * @param e2eSeconds until the last
   */
  public record Latency(double ttftSeconds, double e2eSeconds) {
    public Latency {
      check(ttftSeconds);
      check(e2eSeconds);
    }
  }

  /**
   * Seconds of computing, waiting and transfers left out. 0: none, or not known.
   *
   * @param prefillThereSeconds at the prefill node
   * @param prefillHereSeconds the decode node's part of the prefill
   * @param decodeSeconds all decode steps
   */
  public record Phases(
      double prefillThereSeconds, double prefillHereSeconds, double decodeSeconds) {
    /** Nothing known. */
    public static final Phases NONE = new Phases(0, 0, 0);

    public Phases {
      check(prefillThereSeconds);
      check(prefillHereSeconds);
      check(decodeSeconds);
    }
  }

  private static void requireNamed(String name, String what) {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a journal entry names its " + what);
    }
  }

  private static void check(double seconds) {
    if (!(seconds >= 0 && seconds < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("a time is finite and not negative, got " + seconds);
    }
  }
}
