package dev.baton;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.RequestTimeline;
import dev.baton.metrics.Buckets;
import dev.baton.metrics.Counter;
import dev.baton.metrics.CounterFamily;
import dev.baton.metrics.Histogram;
import dev.baton.metrics.Meters;
import dev.baton.metrics.Series;
import dev.baton.plan.PlanDecision;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What requests did, counted: most of it once, at a request's end, and the time between tokens with
 * each. Any thread; nothing is allocated before a request's end.
 */
final class RequestMeters {
  /** How a request can end, in the words of its {@link Report}, and where there is none. */
  enum End {
    END,
    STOP,
    LENGTH,
    CONTEXT,
    CANCELLED,
    FAILED,
    /** Not taken: it was asked for what cannot be. */
    REFUSED;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final Buckets GAPS =
      Buckets.ofMilliseconds(
          0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 250, 500, 1_000,
          2_500, 5_000, 10_000);
  private static final Buckets RATIOS =
      Buckets.ofThousandths(
          250, 500, 670, 800, 900, 950, 1_000, 1_050, 1_100, 1_250, 1_500, 2_000, 4_000);

  private final CounterFamily<End> requests;
  private final AtomicLong inProgress = new AtomicLong();
  private final Counter promptTokens;
  private final Counter cachedTokens;
  private final Counter outputTokens;
  private final Histogram queue;
  private final Histogram firstToken;
  private final Histogram betweenTokens;
  private final Histogram longestStall;
  private final Histogram whole;
  private final Histogram planned;
  private final Histogram regret;
  private final TransferMeters transfers;

  RequestMeters(Meters meters) {
    requests =
        meters.counters(
            Series.of("baton_requests", "Requests that have ended, by how."), "outcome", End.class);
    meters.gauge(
        Series.of("baton_requests_in_progress", "Requests that wait or are being answered."),
        inProgress::get);
    promptTokens =
        counter(meters, "baton_prompt_tokens", "Tokens of the prompts of ended requests.");
    cachedTokens =
        counter(meters, "baton_cached_prompt_tokens", "Of these, tokens whose KV was there.");
    outputTokens =
        counter(meters, "baton_output_tokens", "Tokens of the answers of ended requests.");
    queue =
        meters.histogram(
            Series.of("baton_queue_seconds", "From submission until there was room."),
            Buckets.REQUEST_TIMES);
    firstToken =
        meters.histogram(
            Series.of("baton_time_to_first_token_seconds", "From the request to its first token."),
            Buckets.REQUEST_TIMES);
    betweenTokens =
        meters.histogram(
            Series.of("baton_inter_token_seconds", "From one token of an answer to the next."),
            GAPS);
    longestStall =
        meters.histogram(
            Series.of("baton_longest_stall_seconds", "The longest gap in each answer."), GAPS);
    whole =
        meters.histogram(
            Series.of("baton_request_seconds", "From the request to its end, however it ended."),
            Buckets.REQUEST_TIMES);
    planned =
        meters.histogram(
            Series.of(
                "baton_plan_predicted_to_actual_ratio",
                "The time to the first token that the automatic plan predicted, over what it was."),
            RATIOS);
    regret =
        meters.histogram(
            Series.of(
                "baton_plan_actual_to_best_ratio",
                "What an answer took with its automatic plan, over what the best plan, the chosen"
                    + " one among them, was predicted to take."),
            RATIOS);
    transfers = new TransferMeters(meters);
  }

  /** Shows what waits in the queue, and gave way in it. */
  static void show(DecodeQueue queue, Meters meters) {
    meters.gauge(
        Series.of("baton_requests_waiting", "Requests that wait for KV blocks or a place."),
        queue::waiting);
    meters.counter(
        Series.of("baton_preemptions", "Sessions that gave their KV blocks back, to go on later."),
        queue::preemptions);
  }

  /** A request was not taken. */
  void refused() {
    requests.of(End.REFUSED).increment();
  }

  private static Counter counter(Meters meters, String name, String help) {
    return meters.counter(Series.of(name, help));
  }

  /** A request begins, and will end. */
  void begins() {
    inProgress.incrementAndGet();
  }

  /** One that has begun could not be submitted. */
  void withdrawn() {
    inProgress.decrementAndGet();
  }

  /** A token came so long after the one before it. */
  void token(long sinceLastNs) {
    betweenTokens.record(sinceLastNs);
  }

  /**
   * A request has ended.
   *
   * @param ttftNs until its first token; 0 where there was none
   * @param wholeNs until now
   * @param decision what was planned for it, where that was automatic
   * @param unplanned why the plan could not even be begun, or null
   */
  void ended(
      End end,
      DecodeOutcome outcome,
      long ttftNs,
      long wholeNs,
      @Nullable PlanDecision decision,
      @Nullable String unplanned) {
    inProgress.decrementAndGet();
    requests.of(end).increment();
    promptTokens.add(outcome.tokens().promptTokens());
    cachedTokens.add(outcome.tokens().cachedTokens());
    outputTokens.add(outcome.tokens().outputTokens());
    whole.record(wholeNs);
    if (outcome.times().longestStallNs() > 0) {
      longestStall.record(outcome.times().longestStallNs());
    }
    RequestTimeline timeline = outcome.timeline();
    if (timeline.admittedNs() != 0) {
      queue.record(timeline.admittedNs() - timeline.submittedNs());
    }
    if (ttftNs > 0) {
      firstToken.record(ttftNs);
    }
    transfers.ended(outcome, unplanned);
    boolean asPlanned = unplanned == null && outcome.fallback() == null && end != End.FAILED;
    if (decision != null && ttftNs > 0 && asPlanned) {
      double predictedNs = decision.chosen().prediction().ttftSeconds() * 1e9;
      planned.record(Math.round(1e3 * predictedNs / ttftNs));
      if (end != End.CANCELLED) {
        double bestNs = 1e9 * decision.bestE2eSeconds(outcome.tokens().outputTokens());
        regret.record(Math.round(1e3 * wholeNs / bestNs));
      }
    }
  }
}
