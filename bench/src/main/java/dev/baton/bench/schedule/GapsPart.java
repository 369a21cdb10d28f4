package dev.baton.bench.schedule;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.decode.DecodeQueue;
import dev.baton.node.NodeCompute;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** One session decodes all the time while long prompts arrive, with the stall bound and without. */
final class GapsPart {
  static final String NAME = "gaps";

  private static final int DECODER_PROMPT = 8;
  private static final int SESSIONS = 8;
  private static final double ALONE_S = 0.5;
  private static final double P99_BAR = 1.0; // of the bound
  private static final double LONGEST_BAR = 1.6; // of the bound: 80 ms of 50
  private static final double SHARE_BAR = 95;

  private final NodeCompute compute;
  private final ScheduleSetup setup;
  private final Progress progress;
  private final int promptTokens;

  GapsPart(NodeCompute compute, ScheduleSetup setup, Progress progress) {
    this.compute = compute;
    this.setup = setup;
    this.progress = progress;
    this.promptTokens = Math.min(setup.promptTokens(), compute.contextTokens() - 1);
  }

  /**
   * One run.
   *
   * @param aloneMs median gap while nothing else was there
   * @param gapsMs ascending
   */
  private record Run(double aloneMs, double[] gapsMs, double promptRate, double decodeRate) {
    double rate() {
      return promptRate + decodeRate;
    }

    double longestMs() {
      return gapsMs[gapsMs.length - 1];
    }
  }

  /** What was found, with the histograms for a result's detail. */
  record Found(PartReport report, Map<String, GapHistogram> histograms) {}

  Found measure() throws InterruptedException {
    List<Run> bounded = new ArrayList<>();
    List<Run> unbounded = new ArrayList<>();
    for (int i = 0; i < setup.rounds(); i++) {
      progress.show("gaps, round " + (i + 1) + " of " + setup.rounds());
      bounded.add(run(setup.maxStallNs()));
      unbounded.add(run(ScheduleSetup.NO_BOUND_NS));
    }
    double aloneMs = spread(bounded, Run::aloneMs).median();
    double boundMs = setup.boundMs(2 * aloneMs);
    Map<String, GapHistogram> histograms = new LinkedHashMap<>();
    histograms.put("with the bound", histogram(bounded));
    histograms.put("without", histogram(unbounded));
    List<Figure> figures = new ArrayList<>();
    figures.add(Figure.of("stall bound", Spread.exactly(boundMs), "ms"));
    figures.add(Figure.of("gap with no prompts", spread(bounded, Run::aloneMs), "ms"));
    figures.addAll(figures("bounded: ", bounded, boundMs));
    figures.addAll(figures("unbounded: ", unbounded, Double.NaN));
    figures.add(
        Figure.atLeast(
            SHARE_BAR,
            "throughput of both, bounded / unbounded",
            Spread.ofRatios(rates(bounded), rates(unbounded)).times(100),
            "%"));
    return new Found(PartReport.measured(NAME, figures, notes(histograms)), histograms);
  }

  private static List<Figure> figures(String kind, List<Run> runs, double boundMs) {
    String p99 = kind + "gap p99";
    String longest = kind + "longest gap";
    Spread p99Ms = spread(runs, run -> GapHistogram.quantile(run.gapsMs(), 0.99));
    Spread longestMs = spread(runs, Run::longestMs);
    boolean barred = !Double.isNaN(boundMs);
    return List.of(
        Figure.of(kind + "gaps", spread(runs, run -> run.gapsMs().length), ""),
        Figure.of(
            kind + "gap p50", spread(runs, run -> GapHistogram.quantile(run.gapsMs(), 0.5)), "ms"),
        barred ? Figure.atMost(P99_BAR * boundMs, p99, p99Ms, "ms") : Figure.of(p99, p99Ms, "ms"),
        barred
            ? Figure.atMost(LONGEST_BAR * boundMs, longest, longestMs, "ms")
            : Figure.of(longest, longestMs, "ms"),
        Figure.of(kind + "prompts", spread(runs, Run::promptRate), "tok/s"),
        Figure.of(kind + "decoded", spread(runs, Run::decodeRate), "tok/s"),
        Figure.of(kind + "both", spread(runs, Run::rate), "tok/s"));
  }

  private List<String> notes(Map<String, GapHistogram> histograms) {
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "a run: %d prompts of %d tokens, %.0f s at most, chunks of up to %d tokens; the runs"
                + " without have a bound of 60 s",
            setup.prompts(),
            promptTokens,
            setup.seconds(),
            setup.chunkTokens()));
    if (promptTokens < setup.promptTokens()) {
      notes.add(
          "prompts of "
              + setup.promptTokens()
              + " tokens do not fit the context of "
              + compute.contextTokens()
              + ": they have "
              + promptTokens);
    }
    histograms.forEach((kind, histogram) -> {
      notes.add("gaps " + kind + ", all rounds, up to .. ms:");
      notes.addAll(histogram.lines());
    });
    return notes;
  }

  private Run run(long maxStallNs) throws InterruptedException {
    GapCount alone = new GapCount();
    GapCount gaps = new GapCount();
    int vocab = compute.model().shape().vocab();
    int answer = compute.contextTokens() - DECODER_PROMPT;
    try (DecodeQueue queue =
        new DecodeQueue(
            compute.model(),
            compute.pool(),
            SESSIONS,
            setup.chunkTokens(),
            maxStallNs,
            System::nanoTime)) {
      RequestChain quiet = new RequestChain(queue, vocab, DECODER_PROMPT, answer, alone, 1);
      alone.counting(true);
      quiet.start();
      boolean _ = quiet.awaitEnds(ALONE_S);
      stop(quiet);
      RequestChain decoder = new RequestChain(queue, vocab, DECODER_PROMPT, answer, gaps, 1);
      decoder.start();
      // The scheduler learns what its steps cost.
      RequestChain warm = new RequestChain(queue, vocab, warmTokens(), 1, new GapCount(), 1);
      warm.start();
      boolean _ = warm.awaitEnds(setup.seconds());
      stop(warm);
      Run run = window(queue, vocab, decoder, alone, gaps);
      stop(decoder);
      return run;
    }
  }

  private int warmTokens() {
    return Math.max(1, promptTokens / 4);
  }

  private Run window(
      DecodeQueue queue, int vocab, RequestChain decoder, GapCount alone, GapCount gaps)
      throws InterruptedException {
    RequestChain prompts =
        new RequestChain(queue, vocab, promptTokens, 1, new GapCount(), setup.prompts());
    long decoded = decoder.decoded();
    long startNs = System.nanoTime();
    gaps.counting(true);
    prompts.start();
    boolean _ = prompts.awaitEnds(setup.seconds());
    double seconds = (System.nanoTime() - startNs) / 1e9;
    gaps.counting(false);
    double promptRate = prompts.prefilled() / seconds;
    double decodeRate = (decoder.decoded() - decoded) / seconds;
    stop(prompts);
    double[] aloneMs = alone.sortedMs();
    double[] gapsMs = gaps.sortedMs();
    if (aloneMs.length == 0 || gapsMs.length == 0) {
      throw new WrongResult("the session that decodes got no two tokens; give it more --seconds");
    }
    return new Run(GapHistogram.quantile(aloneMs, 0.5), gapsMs, promptRate, decodeRate);
  }

  private static void stop(RequestChain chain) throws InterruptedException {
    String failure = chain.stop();
    if (failure != null) {
      throw new WrongResult("a request failed: " + failure);
    }
  }

  private static Spread spread(List<Run> runs, ToDoubleFunction<Run> figure) {
    return Spread.of(runs.stream().map(run -> figure.applyAsDouble(run)).toList());
  }

  private static List<Double> rates(List<Run> runs) {
    return runs.stream().map(Run::rate).toList();
  }

  private static GapHistogram histogram(List<Run> runs) {
    return GapHistogram.of(
        runs.stream().flatMapToDouble(run -> Arrays.stream(run.gapsMs())).toArray());
  }
}
