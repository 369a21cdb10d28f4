package dev.baton.bench.peer;

import dev.baton.bench.report.Figure;
import dev.baton.bench.report.Spread;
import dev.baton.kernel.CpuPeaks;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The rounds of one number of threads, and the figures they make. */
final class PeerRounds {
  /** What figures call the one that peers are compared with. */
  static final String BATON = "Baton";

  static final double PREFILL_SHARE = 65;
  static final double DECODE_SHARE_ONE_THREAD = 88;
  static final double DECODE_SHARE = 93;
  static final double BATCH_GAIN = 3;

  /**
   * One measurement, round by round.
   *
   * @param baton tokens a second
   * @param peers the same of each peer that was measured, by its name
   * @param peaks what the machine reached right before Baton was measured
   */
  record Rounds(List<Double> baton, Map<String, List<Double>> peers, List<CpuPeaks> peaks) {
    Rounds() {
      this(new ArrayList<>(), new LinkedHashMap<>(), new ArrayList<>());
    }

    List<Double> ofPeer(String name) {
      return peers.computeIfAbsent(name, _ -> new ArrayList<>());
    }

    /** Percent of a peak that Baton used, at so much of it for each token. */
    private Spread share(double perToken, ToDoubleFunction<CpuPeaks> of) {
      List<Double> used = baton.stream().map(speed -> 100 * speed * perToken).toList();
      return Spread.ofRatios(used, peaks.stream().map(of::applyAsDouble).toList());
    }
  }

  private final int threads;
  private final ModelWork work;

  PeerRounds(int threads, ModelWork work) {
    this.threads = threads;
    this.work = work;
  }

  List<Figure> peakFigures(List<CpuPeaks> peaks) {
    String of = name("peak of ");
    return List.of(
        Figure.of(of + "integer dots", spread(peaks, CpuPeaks::dotOpsPerSecond, 1e-9), "GOPS"),
        Figure.of(
            of + "float multiply-adds", spread(peaks, CpuPeaks::fmaOpsPerSecond, 1e-9), "GFLOPS"),
        Figure.of(of + "reading", spread(peaks, CpuPeaks::readBytesPerSecond, 1e-9), "GB/s"));
  }

  private static Spread spread(List<CpuPeaks> peaks, ToDoubleFunction<CpuPeaks> of, double factor) {
    return Spread.of(peaks.stream().map(of::applyAsDouble).toList()).times(factor);
  }

  List<Figure> prefillFigures(int tokens, Rounds rounds) {
    String of = name("prefill of " + tokens);
    List<Figure> figures = new ArrayList<>(compared(of, rounds));
    double ops = work.prefillOps(tokens) / tokens;
    figures.add(
        Figure.atLeast(
            PREFILL_SHARE,
            of + ", share of dots",
            rounds.share(ops, CpuPeaks::dotOpsPerSecond),
            "%"));
    return figures;
  }

  List<Figure> decodeFigures(int depth, int tokens, Rounds rounds) {
    String of = name("decode at " + depth);
    List<Figure> figures = new ArrayList<>(compared(of, rounds));
    double bytes = work.decodeBytes(depth, tokens);
    figures.add(
        Figure.atLeast(
            threads == 1 ? DECODE_SHARE_ONE_THREAD : DECODE_SHARE,
            of + ", share of reading",
            rounds.share(bytes, CpuPeaks::readBytesPerSecond),
            "%"));
    return figures;
  }

  /** A batch's tokens a second beside those of one sequence. */
  List<Figure> batchFigures(int depth, int sequences, List<Double> batch, List<Double> one) {
    String of = name("decode at " + depth + ", " + sequences + " sequences");
    Spread gain = Spread.ofRatios(batch, one);
    return List.of(
        Figure.of(of, Spread.of(batch), "tok/s"),
        sequences == 8
            ? Figure.atLeast(BATCH_GAIN, of + " / 1", gain, "x")
            : Figure.of(of + " / 1", gain, "x"));
  }

  private static List<Figure> compared(String of, Rounds rounds) {
    List<Figure> figures = new ArrayList<>();
    figures.add(Figure.of(of + ", " + BATON, Spread.of(rounds.baton), "tok/s"));
    rounds.peers.forEach((peer, speeds) -> {
      figures.add(Figure.of(of + ", " + peer, Spread.of(speeds), "tok/s"));
      Spread ratio = Spread.ofRatios(rounds.baton, speeds);
      figures.add(Figure.of(of + ", " + BATON + " / " + peer, ratio, "x"));
    });
    return figures;
  }

  private String name(String what) {
    return threads + (threads == 1 ? " thread, " : " threads, ") + what;
  }
}
